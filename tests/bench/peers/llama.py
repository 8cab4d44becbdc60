# Decoding by llama.cpp: a GPT-2 folder as its own converter writes it in GGUF, 128 tokens after prompts of 128. The
# programs are found in the PATH, the converter there or where Debian's llama.cpp-tools puts it. llama-batched-bench draws
# no token from the logits: it decodes what it is told to.
# usage: llama.py find                                     prints the version, or why nothing can be measured (status 1)
#        llama.py convert MODEL_FOLDER FILE.gguf {f32|bf16}
#        llama.py decode FILE.gguf {f32|bf16} BATCH [TOKENS]  prints "tokens/s FIGURE"
import json
import os
import runpy
import shutil
import subprocess
import sys

CONVERTERS = ("convert_hf_to_gguf.py", "/usr/share/doc/llama.cpp-tools/scripts/convert_hf_to_gguf.py")


def converter():
    return next((path for path in map(shutil.which, CONVERTERS[:1]) if path),
                CONVERTERS[1] if os.path.exists(CONVERTERS[1]) else None)


def find():
    if shutil.which("llama-batched-bench") is None:
        sys.exit("no llama-batched-bench (Debian: llama.cpp-tools-extra)")
    if converter() is None:
        sys.exit("no convert_hf_to_gguf.py (Debian: llama.cpp-tools)")
    try:
        import gguf  # noqa: F401
    except ImportError:
        sys.exit("no gguf for its converter (Debian: python3-gguf)")
    said = subprocess.run(["llama-batched-bench", "--version"], capture_output=True, text=True)
    print((said.stderr + said.stdout).split("version:")[-1].split("\n")[0].strip())


# It knows tokenizers by a digest of what they make of a text, and no tokenizer that was trained for a benchmark: this
# one splits text as GPT-2's does.
def convert(folder, out, dtype):
    script = converter()
    sys.path.insert(0, os.path.dirname(script))
    sys.path.insert(1, "/usr/share/llama.cpp/llama.cpp-tools")
    import conversion.base
    conversion.base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
    sys.argv = [script, folder, "--outfile", out, "--outtype", dtype]
    runpy.run_path(script, run_name="__main__")


def decode(model, dtype, batch, tokens=128):
    run = ["llama-batched-bench", "-m", model, "-npp", str(tokens), "-ntg", str(tokens), "-npl", str(batch), "-c",
           str(2 * int(tokens) * int(batch)), "-ctk", dtype, "-ctv", dtype, "-t", os.environ["OMP_NUM_THREADS"],
           "-tb", os.environ["OMP_NUM_THREADS"], "--output-format", "jsonl"]
    said = subprocess.run(run, capture_output=True, text=True)
    rows = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    if said.returncode != 0 or len(rows) != 1:
        sys.exit(" ".join(run) + ":\n" + said.stderr[-2000:])
    print("tokens/s", rows[0]["speed_tg"])


{"find": find, "convert": convert, "decode": decode}[sys.argv[1]](*sys.argv[2:])
