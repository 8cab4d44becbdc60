# An iteration of TRL's own PPO trainer, of the size that bench_iteration.cc tells, its checkpoint included: prints
# "seconds FIGURE" and "GiB FIGURE". Needs trl with PPO (in trl.experimental since 0.29).
# usage: trl_iteration.py {f32|bf16} FOLDER [--shape LAYERS,WIDTH,HEADS,VOCAB] [--prompts N]
import os
import resource
import time

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, PreTrainedTokenizerFast
from trl.experimental.ppo import PPOConfig, PPOTrainer

import gpt2

PROMPT, FRESH, EPOCHS, MINIBATCH = 32, 64, 2, 8

parser = gpt2.parser()
parser.add_argument("folder")
parser.add_argument("--prompts", type=int, default=32)
o = parser.parse_args()
layers, width, heads, vocab = o.shape
torch.manual_seed(0)
words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(vocab)}, unk_token="w0"))
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0", pad_token="w1", eos_token="w2",
                                    padding_side="left")
config = GPT2Config(vocab_size=vocab, n_layer=layers, n_embd=width, n_head=heads, num_labels=1, pad_token_id=1,
                    eos_token_id=2, bos_token_id=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
policy = GPT2LMHeadModel(config)
reference = GPT2LMHeadModel(config)
reference.load_state_dict(policy.state_dict())
reward_model, critic = GPT2ForSequenceClassification(config), GPT2ForSequenceClassification(config)
prompts = Dataset.from_dict({"input_ids": torch.randint(3, vocab, (o.prompts, PROMPT)).tolist()})
# A batch of all prompts that is one micro-batch, cut into minibatches with an update each. Recomputing activations is
# switched off, as it is in ours.
settings = PPOConfig(output_dir=o.folder, use_cpu=True, bf16=o.dtype == "bf16", gradient_checkpointing=False,
                     per_device_train_batch_size=o.prompts, gradient_accumulation_steps=1,
                     num_mini_batches=o.prompts // MINIBATCH, num_ppo_epochs=EPOCHS, total_episodes=o.prompts,
                     local_rollout_forward_batch_size=o.prompts, num_sample_generations=0, response_length=FRESH,
                     temperature=1.0, save_strategy="steps", save_steps=1, report_to="none", disable_tqdm=True)
trainer = PPOTrainer(args=settings, processing_class=tokenizer, model=policy, ref_model=reference,
                     reward_model=reward_model, value_model=critic, train_dataset=prompts, eval_dataset=prompts)
begin = time.perf_counter()
trainer.train()
print("seconds", time.perf_counter() - begin)
print("GiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** 20)
