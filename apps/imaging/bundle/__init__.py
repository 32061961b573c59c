"""Model bundles: a folder with everything that one ensemble needs, complete or refused.

    bundle.toml         names, classes, input recipes, thresholds, the SHA-256 of every other file
    bundle.toml.sha256  the SHA-256 of bundle.toml, as `sha256sum` writes it
    *.onnx              the plane classifiers (and, where it has them, the coverage networks)
    *.npy               embeddings of training pictures, one file per plane classifier
    CARD.md             data, results, limits
    metrics.json        what was measured

The bundle's own SHA-256 is that of `bundle.toml`, which holds the hashes of all else: it names every byte that decides
a label.
"""

from apps.imaging.bundle.manifest import BUNDLE_FORMAT, CoverageMember, CoverageModule, Member, Module
from apps.imaging.bundle.serving import ModelBundle, load_bundle

__all__ = [
    "BUNDLE_FORMAT",
    "CoverageMember",
    "CoverageModule",
    "Member",
    "ModelBundle",
    "Module",
    "load_bundle",
]
