# Small tokenizers as the hub's models have them: a tokenizer.json of each kind and the tokenizer_config.json beside it.
import json
import os

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = """The film was good, and the play was better than the book that it's based on.
Once upon a time there was a little girl who didn't like rain; she'd rather sit in the sun.
I'll say it again: 3.14159 isn't 22/7, nor is 1,000,000 a small number in 2024.
  Indented lines    and tabs\tare here,  as well.
Käse, Brötchen und Straße; déjà vu à la carte. Привет, мир! Как дела? 你好，世界。日本語のテキスト。
def main(args):
    return [x ** 2 for x in range(10) if x % 2 == 0]
The end of the story was the best part of the whole film, they said.
""".splitlines()

GPT4_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
              r"\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN_SPLIT = GPT4_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")
# GPT-4o's, which Phi-4-mini has.
O200K_SPLIT = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
UNLIMITED = 1000000000000000019884624838656  # what transformers writes where no length is known


def special(text):
    return AddedToken(text, special=True, normalized=False)


def trained(tokenizer, size, **options):
    tokenizer.train_from_iterator(TEXT * 3, trainers.BpeTrainer(vocab_size=size, show_progress=False, **options))
    return tokenizer


def byte_level(steps, normalizer=None, size=380):
    t = Tokenizer(models.BPE())
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.Sequence(steps) if len(steps) > 1 else steps[0]
    t.decoder = decoders.ByteLevel()
    return trained(t, size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def gpt2(prefix=False):
    t = byte_level([pre_tokenizers.ByteLevel(add_prefix_space=prefix)])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_special_tokens([special("<|endoftext|>")])
    config = {"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1024, "add_prefix_space": prefix}
    return t, config | dict.fromkeys(["bos_token", "eos_token", "unk_token"], "<|endoftext|>")


def llama3():
    t = byte_level([pre_tokenizers.Split(Regex(GPT4_SPLIT), "isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.add_special_tokens([special(f"<|{name}|>") for name in
                          ["begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id"]])
    begin = "<|begin_of_text|>"
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1",
                                      special_tokens=[(begin, t.token_to_id(begin))])])
    return t, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": begin, "eos_token": "<|eot_id|>",
               "model_max_length": 131072, "clean_up_tokenization_spaces": True}


def characters(special_tokens=("<unk>", "<s>", "</s>")):
    """A vocabulary and merges of SentencePiece's kind, with a token for each byte."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    model = json.loads(trained(t, 220).to_str())["model"]
    words = sorted(model["vocab"], key=model["vocab"].get)
    tokens = [*special_tokens] + [f"<0x{i:02X}>" for i in range(256)] + words
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    return models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges, unk_token="<unk>",
                      fuse_unk=True, byte_fallback=True)


def sentencepiece(metaspace):
    t = Tokenizer(characters())
    if metaspace:  # Mistral 0.3's, and what transformers 5 makes of Llama 2's
        t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                   decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1",
                                                     special_tokens=[("<s>", 1)])
    t.add_special_tokens([special(x) for x in ["<unk>", "<s>", "</s>"]])
    # Llama 2's file under LlamaTokenizer is cut in another way by transformers 5, whose class goes by its own pipeline.
    return t, {"tokenizer_class": "LlamaTokenizer" if metaspace else "PreTrainedTokenizerFast",
               "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
               "pad_token": None, "add_bos_token": True, "add_eos_token": False, "legacy": False,
               "model_max_length": UNLIMITED, "clean_up_tokenization_spaces": False, "sp_model_kwargs": {}}


def gemma():
    """Runs of line ends and of spaces are tokens that the raw text is searched for."""
    begin = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    turns = ["<start_of_turn>", "<end_of_turn>"]
    runs = ["\n" * n for n in range(1, 5)] + ["▁" * n for n in range(2, 5)] + ["<table>", "</b>"]
    t = Tokenizer(characters(begin + turns + runs))
    t.normalizer = normalizers.Replace(" ", "▁")
    t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    t.post_processor = processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos>:1 $B:1",
                                                     special_tokens=[("<bos>", t.token_to_id("<bos>"))])
    t.add_special_tokens([special(x) for x in begin + turns])
    t.add_tokens([AddedToken(x, normalized=False) for x in runs])
    return t, {"tokenizer_class": "GemmaTokenizer", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>",
               "pad_token": "<pad>", "additional_special_tokens": turns, "add_bos_token": True, "add_eos_token": False,
               "model_max_length": UNLIMITED, "clean_up_tokenization_spaces": False, "sp_model_kwargs": {},
               "spaces_between_special_tokens": False}


def phi3():
    """Llama 2's with tokens of turns, which take the spaces behind them."""
    t, config = sentencepiece(False)
    t = Tokenizer.from_str(t.to_str())
    t.add_special_tokens([special("<|endoftext|>")])
    t.add_special_tokens([AddedToken(f"<|{x}|>", special=True, normalized=False, rstrip=True)
                          for x in ["assistant", "end", "system", "user"]])
    end = "<|endoftext|>"
    return t, config | {"tokenizer_class": "LlamaTokenizer", "eos_token": end, "pad_token": end}


def phi4():
    t = byte_level([pre_tokenizers.Split(Regex(O200K_SPLIT), "isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    end = "<|endoftext|>"
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.add_special_tokens([special(end)])
    t.add_special_tokens([special(f"<|{x}|>") for x in ["assistant", "end", "system", "user"]])
    return t, {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": False, "add_eos_token": False, "bos_token": end,
               "eos_token": end, "pad_token": end, "unk_token": end, "model_max_length": 131072,
               "add_prefix_space": False, "clean_up_tokenization_spaces": False}


def granite():
    """StarCoder's: digits singly, then GPT-2's words."""
    t = byte_level([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    end = "<|end_of_text|>"
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.add_special_tokens([special(x) for x in [end, "<fim_prefix>", "<|start_of_role|>", "<|end_of_role|>"]])
    return t, {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": False, "add_prefix_space": False, "bos_token": end,
               "eos_token": end, "pad_token": end, "unk_token": end, "model_max_length": 9223372036854775807,
               "additional_special_tokens": ["<|start_of_role|>", "<|end_of_role|>"], "padding_side": "left"}


def olmo2():
    """GPT-4's words, written as what is not to be removed."""
    t = byte_level([pre_tokenizers.Split(Regex(GPT4_SPLIT), "removed", invert=True),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    end = "<|endoftext|>"
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.add_special_tokens([special(x) for x in [end, "<|im_start|>", "<|im_end|>", "<|pad|>"]])
    # The hub says GPT2Tokenizer, which in transformers 5 cuts in GPT-2's way, in which no OLMo 2 was trained.
    return t, {"tokenizer_class": "PreTrainedTokenizerFast", "add_prefix_space": False, "bos_token": end,
               "eos_token": end, "pad_token": "<|pad|>", "unk_token": end, "model_max_length": 4096}


def smollm3():
    """Llama 3's without a first token."""
    t = byte_level([pre_tokenizers.Split(Regex(GPT4_SPLIT), "isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.add_special_tokens([special(f"<|{name}|>") for name in ["begin_of_text", "end_of_text", "im_start", "im_end"]])
    t.add_tokens([AddedToken(x, normalized=False) for x in ["<think>", "</think>"]])
    return t, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": None, "eos_token": "<|im_end|>",
               "pad_token": "<|im_end|>", "model_max_length": 131072, "clean_up_tokenization_spaces": True,
               "fast": False, "model_input_names": ["input_ids", "attention_mask"]}


def opt():
    """GPT-2's with </s> before each text. Its hub folders have no tokenizer.json: this is what save_pretrained makes."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t = trained(t, 380, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    end = "</s>"
    t.post_processor = processors.TemplateProcessing(single=f"{end} $A", pair=f"{end} $A {end}:1 $B:1",
                                                     special_tokens=[(end, t.token_to_id(end))])
    return t, {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_prefix_space": False, "bos_token": end,
               "eos_token": end, "pad_token": "<pad>", "unk_token": end, "errors": "replace",
               "model_max_length": UNLIMITED}


def qwen(thinks=False):
    t = byte_level([pre_tokenizers.Split(Regex(QWEN_SPLIT), "isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)], normalizers.NFC())
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_special_tokens([special(x) for x in ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]])
    if thinks:
        t.add_tokens([AddedToken(x, normalized=False) for x in ["<think>", "</think>"]])
    return t, {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "eos_token": "<|im_end|>", "unk_token": None,
               "pad_token": "<|endoftext|>", "add_prefix_space": False, "add_bos_token": False, "errors": "replace",
               "model_max_length": 32768, "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
               "split_special_tokens": False}


def neox(nfc=True):
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC() if nfc else None
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t = trained(t, 380, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                special_tokens=["<|endoftext|>", "<|padding|>"])
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.add_tokens([AddedToken(" " * n, normalized=True) for n in (4, 3, 2)])
    # The class composes characters, whatever its file says.
    return t, {"tokenizer_class": "GPTNeoXTokenizer" if nfc else "PreTrainedTokenizerFast", "add_prefix_space": False,
               **dict.fromkeys(["bos_token", "eos_token", "unk_token"], "<|endoftext|>")}


VOCABULARIES = {"gpt2": gpt2, "gpt2-with-prefix": lambda: gpt2(True), "llama2": lambda: sentencepiece(False),
                "llama3": llama3, "mistral": lambda: sentencepiece(True), "llama5": lambda: sentencepiece(True),
                "qwen2": qwen, "qwen3": lambda: qwen(True),
                "gemma": gemma, "phi3": phi3, "phi4": phi4, "granite": granite, "olmo2": olmo2, "smollm3": smollm3,
                "opt": opt, "gpt_neox": neox, "gpt_neox-without-nfc": lambda: neox(False)}
made = {}


def vocabulary(name):
    """(tokenizers.Tokenizer, tokenizer_config.json); the first must not be changed."""
    if name not in made:
        made[name] = VOCABULARIES[name]()
    return made[name][0], dict(made[name][1])


def write_tokenizer(folder, tokenizer, config):
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    if config is not None:
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as f:
            json.dump(config, f, indent=2)
