package dev.bantam.benchmarks;

/** The ONNX files of one encoder that are compared. */
enum OnnxFile {
  /** The publisher's float32 file, which the weights of all our files are made from. */
  SOURCE,
  /** Somebody else's dynamic int8 file of the same encoder. */
  READY_MADE,
  /** Our export {@code onnx}. */
  FLOAT,
  /** Our export {@code onnx-int8}. */
  INT8,
  /** Our export {@code onnx-int8} with fixed ranges. */
  STATIC,
  /** Our export {@code onnx-int4}. */
  INT4
}
