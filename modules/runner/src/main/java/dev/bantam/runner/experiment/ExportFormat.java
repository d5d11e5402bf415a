package dev.bantam.runner.experiment;

/** The formats of {@code export:}, written in lower case with hyphens. */
public enum ExportFormat {
  SAFETENSORS,
  COMPRESSED_TENSORS,
  ONNX,
  ONNX_INT8,
  ONNX_INT4,
  DELTA
}
