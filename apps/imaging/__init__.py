"""The imaging core: DICOM files in, facts, pictures, labels and findings out. Plain Python, no Django."""
