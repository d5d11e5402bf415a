package dev.bantam.export.onnx;

import onnx.Onnx.TensorProto.DataType;

/** Element types, as numbers in attributes and tensors. */
final class OnnxTypes {
  static final int FLOAT = DataType.FLOAT_VALUE;
  static final int INT64 = DataType.INT64_VALUE;

  private OnnxTypes() {}
}
