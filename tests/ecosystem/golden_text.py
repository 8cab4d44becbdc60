# Texts and tokenizers of the goldens: a vocabulary of 40 tokens for the models, small vocabularies of each kind with
# the ids that Hugging Face's tokenizers gives, and what its engine takes as a letter, a number, a space and NFC.
import json
import os
import random
import sys

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from vocabularies import special, vocabulary, write_tokenizer

SAMPLES = [("The film was", " good and fast.", " a bad, dull one, and long."),
           ("What is", " a fine plot", " it"),
           ("a", " song, and then the rain", " film."),
           ("The plot was good, and", " the film is better.", " bad"),
           ("The lad", " is there.", " was not there then.")]
PAIRS = [("The film was", " good.", " bad."), ("The plot was", " fine and great.", " dull"),
         ("a", " good song", " rain"),
         ("", "The film is better", "a bad one"), ("What", " is the film.", " was it, then."),
         ("The lad", " said it was good.", " was there and then no more."), ("no", " one is here", "t"),
         ("The plot was good, and the", " rain", " lad said no, and no.")]
TEXTS = ["The film was", "Once upon a time", "a", "", "I'll say it again: 3.14159", "  two  spaces ", "trailing ",
         "tabs\tand\n\nlines\n", "it's WE'LL 'Twas I'd've", "12345 1,000 3.14", "x ** 2 == 0!?...", "    return [x]",
         "e\u0301 und \u00e9, \ufb01n", "Käse, Brötchen und Straße", "Привет, мир!", "你好，世界。", "日本語のテキスト",
         "👍 and 👩‍👩‍👧", "꽃 ༀ 𝔘", "x <|endoftext|> y", "x</s> y", "<s>a</s>", "<|im_start|>user\nhi<|im_end|>\n",
         "<think>\nno</think> so", "\u00a0no\u2003break", "\r\n mixed \r ends", "▁under_score▁", "\u200bzero\ufeff",
         "\u0085next\u2028line", "a\u0000b", "①②½٣", "ÅÅÅ", "ꙮ ǆ ᾳ", "  \n  \n", "<|begin_of_text|>The<|eot_id|>"]
KINDS = ["gpt2", "gpt2-with-prefix", "llama2", "llama3", "mistral", "qwen3", "gpt_neox", "gemma", "phi3", "phi4", "granite",
         "olmo2", "opt"]


def byte_character(byte):
    """How GPT-2 writes a byte in a vocabulary."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return chr(byte) if byte in shown else chr(256 + [b for b in range(256) if b not in shown].index(byte))


def small_tokenizer():
    """GPT-2's kind, with no other bytes than those of the texts here: 40 tokens, the last one ends a sequence."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    lines = [a + b for a, *answers in SAMPLES + PAIRS for b in answers]
    alphabet = sorted({byte_character(b) for line in lines for b in line.encode()})
    t.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=39, show_progress=False, initial_alphabet=alphabet))
    t.add_special_tokens([special("<|end|>")])
    assert t.get_vocab_size() == 40
    return t, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|end|>", "eos_token": "<|end|>",
               "model_max_length": 64, "clean_up_tokenization_spaces": False}


def some_texts(seed, count):
    pool = " the film was good 'll  12 3\n\t.,!?Käéße\u0301ñ你好мир👍\u00a0\u200d<|endoftext|></s>▁ÅÅ\u0085".split("|")
    pool += list("abcdefgh XYZ 0123 \n\n\t'-_.!äßи好👍\u0301\u00a0") + ["The film", " was", "'re", "  ", "</s>"]
    chooser = random.Random(seed)
    return ["".join(chooser.choice(pool) for _ in range(chooser.randrange(1, 14))) for _ in range(count)]


def write_lines(path, records):
    with open(path, "w") as f:
        for record in records:
            f.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def token_bytes(tokenizer, token_id):
    """The bytes of a token of a byte-level vocabulary."""
    text = tokenizer.id_to_token(token_id)
    if token_id in tokenizer.get_added_tokens_decoder():
        return text.encode()
    return bytes(BYTES[c] for c in text)


BYTES = {byte_character(b): b for b in range(256)}


def decode_records(tokenizer, bytewise, seed):
    chooser = random.Random(seed)
    for _ in range(30):
        ids = [chooser.randrange(tokenizer.get_vocab_size()) for _ in range(chooser.randrange(1, 10))]
        record = {"ids": ids, "text": tokenizer.decode(ids, skip_special_tokens=False),
                  "text_skip_special": tokenizer.decode(ids, skip_special_tokens=True)}
        if bytewise:
            record["bytes_hex"] = b"".join(token_bytes(tokenizer, i) for i in ids).hex()
        yield record


def bytes_alone():
    t = Tokenizer(models.BPE(vocab={byte_character(b): i for i, b in enumerate(byte_order())}, merges=[]))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    return t, {}


def byte_order():
    return sorted(range(256), key=byte_character)


def write_kind(out, name, tokenizer, config):
    os.makedirs(f"{out}/{name}")
    write_tokenizer(f"{out}/{name}", tokenizer, config)
    with open(f"{out}/{name}/tokenizer.json", "w") as f:
        f.write(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":")) + "\n")
    texts = [("listed", t) for t in TEXTS] + [("random", t) for t in some_texts(name, 36)]
    for suffix, whole in (("", False), (".whole", True)):
        write_lines(f"{out}/vectors/{name}{suffix}.dev.jsonl",
                    ({"cat": cat, "text": t, "ids": tokenizer.encode(t, add_special_tokens=whole).ids}
                     for cat, t in (texts[::6] if whole else texts)))
    bytewise = name not in ("llama2", "mistral", "gemma", "phi3")
    write_lines(f"{out}/vectors/{name}.decode.dev.jsonl", decode_records(tokenizer, bytewise, name))


def merges_as_strings(out, name, like):
    """The same tokenizer as older files have it."""
    os.makedirs(f"{out}/{name}")
    with open(f"{out}/{like}/tokenizer.json") as f:
        file = json.load(f)
    file["model"]["merges"] = [" ".join(pair) for pair in file["model"]["merges"]]
    with open(f"{out}/{name}/tokenizer.json", "w") as f:
        f.write(json.dumps(file, ensure_ascii=False, separators=(",", ":")) + "\n")


def ranges(members):
    members, out = sorted(members), []
    for c in members:
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def write_unicode(out):
    """Classes by what the engine's expression takes away, digits by its Digits, NFC of each character."""
    os.makedirs(out)
    everything = [c for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF]
    text = "".join(map(chr, everything))
    found = {}
    for name, expression in (("L", r"\p{L}"), ("N", r"\p{N}"), ("s", r"\s")):
        left = pre_tokenizers.Split(Regex(expression), "removed").pre_tokenize_str(text)
        kept = {ord(c) for piece, _ in left for c in piece}
        found[name] = set(everything) - kept
    pieces = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str("".join("a" + c for c in text))
    found["digits"] = {ord(piece) for piece, _ in pieces if len(piece) == 1 and piece != "a"}
    for name, members in found.items():
        with open(f"{out}/{name}.ranges.txt", "w") as f:
            f.writelines(f"{a:X}..{b:X}\n" for a, b in ranges(members))
    nfc = normalizers.NFC()
    with open(f"{out}/nfc.tsv", "w") as f:
        for c in everything:
            if (composed := nfc.normalize_str(chr(c))) != chr(c):
                f.write(f"{c:X}\t{' '.join(f'{ord(x):X}' for x in composed)}\n")


def make_tokenizers(out):
    os.makedirs(f"{out}/vectors")
    for name in KINDS:
        write_kind(out, name, *vocabulary(name))
    write_kind(out, "bytes256", *bytes_alone())
    merges_as_strings(out, "oldmerges", "gpt2")
    os.makedirs(f"{out}/small")
    write_tokenizer(f"{out}/small", *small_tokenizer())
    write_unicode(f"{out}/unicode")
