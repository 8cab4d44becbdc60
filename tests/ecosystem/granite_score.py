# A class that transformers doesn't have: Granite with a head of scores, made by its mixin for any backbone. Importing
# this file makes AutoModelForSequenceClassification know it.
from transformers import AutoModelForSequenceClassification, GraniteConfig
from transformers.modeling_layers import GenericForSequenceClassification
from transformers.models.granite.modeling_granite import GranitePreTrainedModel


class GraniteForSequenceClassification(GenericForSequenceClassification, GranitePreTrainedModel):
    pass


AutoModelForSequenceClassification.register(GraniteConfig, GraniteForSequenceClassification)
