import subprocess
import sys


def test_words_and_settings_load_without_torch_ray_or_mlflow() -> None:
    script = (
        "import sys, pipeline.config, pipeline.prompts;"
        "print({'torch', 'ray', 'mlflow', 'diffusers', 'transformers'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
