# What this Python has to compare with, a line each: "NAME VERSION", or "absent NAME: why".
import shutil
import subprocess
import sys


def pytorch():
    import torch
    if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        raise ImportError(f"torch {torch.__version__} has no scaled_dot_product_attention")
    import safetensors  # noqa: F401
    with open("/proc/self/maps") as maps:  # the textbook's loops, tens of times slower than what anybody would run
        if "/blas/libblas.so" in maps.read():
            raise ImportError("torch would multiply by the reference BLAS (Debian: libopenblas0-pthread)")
    return torch.__version__


def compiled():
    if shutil.which("g++") is None:
        raise ImportError("torch.compile needs g++")
    return pytorch()


def transformers():
    import transformers
    return transformers.__version__


def trl():
    import trl
    from trl.experimental.ppo import PPOTrainer  # noqa: F401
    return trl.__version__


def llama():
    found = subprocess.run([sys.executable, __file__.replace("at_hand", "llama"), "find"], capture_output=True, text=True)
    if found.returncode != 0:
        raise ImportError(found.stderr.strip())
    return found.stdout.strip()


for peer in pytorch, compiled, transformers, llama, trl:
    try:
        print(peer.__name__, peer())
    except Exception as e:  # whatever an import may raise
        print(f"absent {peer.__name__}:", " ".join(str(e).split())[:200])
