package dev.bantam.export.onnx;

import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.DenseTensor;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.GroupedTensor.Zero;
import dev.bantam.compression.Operation;

/** How the matrices and tables of an ONNX file are stored and multiplied. */
public enum OnnxFormat {
  /** Everything float32. */
  FLOAT("onnx"),
  /**
   * int8 codes with one scale a row. Activations are quantized to 8 bits: by the fixed ranges that
   * the model carries ({@code QuantizeLinear}, {@code DequantizeLinear}), or if it has none by
   * their own when the graph runs ({@code DynamicQuantizeLinear}, {@code MatMulInteger}).
   */
  INT8("onnx-int8"),
  /**
   * Codes of 2, 4 or 8 bits in blocks of inputs that share a scale, multiplied in float32 ({@code
   * MatMulNBits} of the domain {@code com.microsoft}).
   */
  INT4("onnx-int4");

  private final String id;

  OnnxFormat(String id) {
    this.id = id;
  }

  /** The name in experiment files and on the command line. */
  public String id() {
    return id;
  }

  /**
   * Whether the format holds a matrix of an encoder layer as it is: integer codes bit for bit, or
   * float32.
   */
  public boolean holdsMatrix(CompressedTensor tensor) {
    if (tensor instanceof DenseTensor || this == FLOAT) {
      return true;
    }
    if (!(tensor instanceof GroupedTensor grouped)
        || grouped.zero() == Zero.OFFSET
        || grouped.groups().height() != 1) {
      return false;
    }
    final boolean rows = grouped.groups().width() == grouped.groups().columns();
    return this == INT8 ? rows : Blocks.of(grouped).isPresent();
  }

  /** Whether the format holds what an operation does at a site. */
  public boolean holds(Operation.Effect effect) {
    return switch (effect) {
      case AFFINE -> true;
      case FIXED_ROUNDING -> this == INT8;
      case OTHER -> false;
    };
  }

  /** Whether the format holds an embedding table as it is. */
  public boolean holdsTable(CompressedTensor tensor) {
    if (tensor instanceof DenseTensor || this == FLOAT) {
      return true;
    }
    return tensor instanceof GroupedTensor grouped
        && grouped.zero() != Zero.OFFSET
        && grouped.groups().height() == 1
        && grouped.groups().columns() % grouped.groups().width() == 0;
  }
}
