"""Classes that are harmless to load, and of which another use is worth a warning."""

from pathlib import Path

from validators.base import Model, ModelFile
from validators.checks.pickle_scan import CHECK

# What pickle.dumps gives for an instance: NEWOBJ and BUILD, nothing is called.
INSTANCE = b"\x80\x02cultralytics.nn.modules.block\nC3\n)\x81}q\x00X\x01\x00\x00\x00aK\x01sb."


def test_training_anew_is_warned_about_and_loading_is_not_refused(tmp_path: Path) -> None:
    path = tmp_path / "yolo.pt"
    path.write_bytes(INSTANCE)
    file = ModelFile("yolo.pt", path, len(INSTANCE))
    [finding] = CHECK.run(Model("m", (file,), tmp_path, policy="scanned"))
    assert (finding.severity, finding.rule) == ("warning", "caution")
    assert "training anew" in finding.message
