from pipeline.config import embedded


def test_only_the_embedded_name_has_folders_in_the_package() -> None:
    folder = embedded("second-classifier", "fashion-canvas")
    assert folder is not None
    assert folder.parts[-4:] == ("pipeline", "canvas", "weights", "second-classifier")
    assert embedded("base", "someone/else") is None
