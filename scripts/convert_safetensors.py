"""Makes GGUF files of the six models' safetensors. Left commented out: it is for a person to read, and to run by hand.

ORAC measures GGUF files and downloads none. Who has only the safetensors of a model converts them once, on another
machine: a PC with 16 GB of memory, 30 GB of disk and Python 3.10 or newer. A board has the memory for the small ones
at most, and nothing of this is needed there, in the image or by any test.

What it does, step by step:

 1. It fetches llama.cpp at one version, LLAMA_CPP, and asks for its converter. That was `convert.py` until 2024; today
    it is `convert_hf_to_gguf.py`, and `convert.py` is gone. The version is pinned, so that two people make the same
    file: a newer converter may write other metadata, and the file's SHA-256 is what ORAC knows a model by. The tag is
    the one that the Python package gguf 0.17.1 was made of; it knows Qwen3, and so does every Ollama from 0.6.6 on.
 2. It makes a virtual environment with the converter's own requirements (PyTorch for the processor among them).
 3. For each model it downloads the safetensors, converts them to 16 bits or to Q8_0, which the converter writes itself,
    and gives the file the name by which ORAC's catalogue knows it.
 4. For 4 bits (Q4_K_M), the usual choice on a board of 8 GB, llama.cpp's `llama-quantize` has to be built; it takes
    CMake and a C++ compiler, and makes the small file of the 16-bit one.
 5. Copy the files to the board, and see there what ORAC says of them:   orac models

To run it: below the line of dashes delete the mark `# ` at the beginning of every line, and `print(__doc__)` above it.
Then type

    python scripts/convert_safetensors.py ~/gguf

It was never run where it was written, as neither of the two sites that it downloads from can be reached there.

The same by hand, for one model; the other five differ in the words of MODELS:

    git clone --depth 1 --branch gguf-v0.17.1 https://github.com/ggml-org/llama.cpp
    python3 -m venv convert && convert/bin/pip install -r llama.cpp/requirements/requirements-convert_hf_to_gguf.txt
    convert/bin/pip install huggingface_hub
    convert/bin/hf download Qwen/Qwen3-0.6B --local-dir qwen3-0.6b
    convert/bin/python llama.cpp/convert_hf_to_gguf.py qwen3-0.6b --outfile qwen3-0.6b.f16.gguf --outtype f16
    cmake -S llama.cpp -B llama.cpp/build && cmake --build llama.cpp/build --target llama-quantize --parallel
    llama.cpp/build/bin/llama-quantize qwen3-0.6b.f16.gguf qwen3-0.6b.q4_k_m.gguf Q4_K_M

Look at each model's licence before you pass its files on.
"""

print(__doc__)

# ---------------------------------------------------------------------------------------------------------------------
# import subprocess
# import sys
# import venv
# from pathlib import Path
#
# LLAMA_CPP = "gguf-v0.17.1"
# LLAMA_CPP_FROM = "https://github.com/ggml-org/llama.cpp"
# QUANTIZATION = "Q4_K_M"  # None: 16 bits only, and llama-quantize is not built
#
# MODELS = {
#     # the file's name in ORAC: the model's name where its authors publish it
#     "qwen3-0.6b": "Qwen/Qwen3-0.6B",
#     "qwen3-1.7b": "Qwen/Qwen3-1.7B",
#     "tinyllama-1.1b-chat-v1.0": "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
#     "phi-2": "microsoft/phi-2",
#     "pythia-70m": "EleutherAI/pythia-70m",
#     "distilgpt2": "distilbert/distilgpt2",
# }
#
#
# def main(target: Path) -> None:
#     """Puts six GGUF files into `target`; what is there already is not made again."""
#     work = target / "convert"
#     sources, tools = work / "llama.cpp", work / "venv"
#     work.mkdir(parents=True, exist_ok=True)
#     if not sources.exists():
#         run("git", "clone", "--depth", "1", "--branch", LLAMA_CPP, LLAMA_CPP_FROM, sources)
#     if not tools.exists():
#         venv.create(tools, with_pip=True)
#         run(tools / "bin/pip", "install", "-r", sources / "requirements/requirements-convert_hf_to_gguf.txt")
#         run(tools / "bin/pip", "install", "huggingface_hub")
#     quantize = build_quantize(sources) if QUANTIZATION else None
#     for name, published in MODELS.items():
#         convert(name, published, target, sources=sources, tools=tools, quantize=quantize)
#
#
# def build_quantize(sources: Path) -> Path:
#     """llama.cpp's program that makes small files of large ones."""
#     run("cmake", "-S", sources, "-B", sources / "build", "-DLLAMA_CURL=OFF")
#     run("cmake", "--build", sources / "build", "--target", "llama-quantize", "--parallel")
#     return sources / "build/bin/llama-quantize"
#
#
# def convert(name: str, published: str, target: Path, *, sources: Path, tools: Path, quantize: Path | None) -> None:
#     """Downloads one model and makes its GGUF file in `target`; what it was made of stays in the folder convert/."""
#     whole = (target if quantize is None else target / "convert") / f"{name}.f16.gguf"
#     small = target / f"{name}.{str(QUANTIZATION).lower()}.gguf"
#     if not whole.exists():
#         run(tools / "bin/hf", "download", published, "--local-dir", target / "convert" / name)
#         converter = sources / "convert_hf_to_gguf.py"
#         made = whole.with_suffix(".part")
#         run(tools / "bin/python", converter, target / "convert" / name, "--outfile", made, "--outtype", "f16")
#         made.rename(whole)
#     if quantize is not None and not small.exists():
#         made = small.with_suffix(".part")
#         run(quantize, whole, made, QUANTIZATION)
#         made.rename(small)
#
#
# def run(*words: object) -> None:
#     """Shows a command and runs it; ends this script where it fails."""
#     print("$", *words, flush=True)
#     subprocess.run([str(word) for word in words], check=True)
#
#
# if __name__ == "__main__":
#     main(Path(sys.argv[1]).expanduser())
