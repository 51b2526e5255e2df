#!/usr/bin/env bash
# Set up .rivals, an environment with the libraries that benchmarks measure us against. .venv is left alone.
#
# Everything but torch goes in with --no-deps: the rivals' own requirements would bring torchvision, and with it perhaps
# another torch, and some sixty packages that training a sparse autoencoder never calls. What is listed here is what
# importing their trainers needs; benchmarks/rivals_sae_training.py stands in for the rest.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.rivals

if [[ $venv/.ready -nt benchmarks/setup_rivals.sh && $venv/.ready -nt requirements.lock ]]; then
    exit 0
fi

# Pins of requirements.lock for the named packages, so that both environments have the same versions of what they share.
locked() {
    local name
    for name in "$@"; do
        grep "^$name==" requirements.lock || { echo "error: requirements.lock has no $name" >&2; return 1; }
    done
}

install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile "$@"
}

torch=$(locked torch)
shared=$(locked annotated-doc annotated-types certifi charset-normalizer docstring_parser fsspec h11 httpcore2 httpx2 \
    huggingface_hub idna markdown-it-py mdurl numpy packaging pandas psutil pyarrow pydantic pydantic_core Pygments \
    python-dateutil PyYAML regex requests rich safetensors six tokenizers tqdm transformers truststore typeguard \
    typing_extensions typing-inspection tyro urllib3)
rivals=(
    dictionary-learning==0.1.0 einops==0.8.2 eai-sparsify==1.3.3 natsort==8.4.0 schedulefree==1.4.1
    sae-lens==6.54.12 better-abc==0.0.3 datasets==5.2.0 dill==0.4.1 jaxtyping==0.3.11 multiprocess==0.70.19
    simple-parsing==0.1.9 transformer-lens==3.9.0 xxhash==4.1.0
)

"${PYTHON:-python3}" -m venv --clear "$venv"
install "$torch"
# shellcheck disable=SC2086 # one word a pin
install --no-deps $shared "${rivals[@]}"
install --no-deps --editable .

# A tiny run of each, so that what is missing shows here and not in the middle of a measurement.
for library in dictionary_learning sae_lens sparsify; do
    "$venv/bin/python" benchmarks/rivals_sae_training.py --library "$library" --d-sae 64 --k 2 --batch 16 --warm-up 1 \
        --steps 1 --threads 1 >"$venv/check.log" 2>&1 || { cat "$venv/check.log" >&2; exit 1; }
done
touch "$venv/.ready"
