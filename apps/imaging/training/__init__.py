"""Training of the plane classifiers: pictures out of an archive, train, evaluate, export a bundle.

Needs the packages of requirements/train.in; nothing that serves imports it.
"""
