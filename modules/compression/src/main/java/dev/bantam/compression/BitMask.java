package dev.bantam.compression;

import dev.bantam.checkpoint.SafetensorsType;
import java.util.function.IntConsumer;

/**
 * One bit an element that says whether it is stored: bit (c &amp; 7) of byte (c &gt;&gt; 3) of its
 * row, rows padded to bytes with zero bits.
 */
final class BitMask {
  private final MatrixShape shape;
  private final byte[] bytes;

  private BitMask(MatrixShape shape, byte[] bytes) {
    this.shape = shape;
    this.bytes = bytes;
  }

  static int rowBytes(MatrixShape shape) {
    return (shape.columns() + 7) >> 3;
  }

  /** Bytes of the mask of a shape. */
  static long bytes(MatrixShape shape) {
    return (long) shape.rows() * rowBytes(shape);
  }

  /**
   * @param kept [rows x columns]
   */
  static BitMask of(MatrixShape shape, boolean[] kept) {
    final int stride = rowBytes(shape);
    final byte[] bytes = new byte[Math.multiplyExact(shape.rows(), stride)];
    for (int r = 0, i = 0; r < shape.rows(); r++) {
      for (int c = 0; c < shape.columns(); c++, i++) {
        if (kept[i]) {
          bytes[r * stride + (c >> 3)] |= (byte) (1 << (c & 7));
        }
      }
    }
    return new BitMask(shape, bytes);
  }

  static BitMask decode(FormReader in, MatrixShape shape) {
    final byte[] bytes =
        in.bytes(StoredEntry.MASK, SafetensorsType.U8, shape.rows(), rowBytes(shape));
    PackedCodes.checkPad(bytes, shape.rows(), shape.columns(), 1, StoredEntry.MASK);
    return new BitMask(shape, bytes);
  }

  /** Number of set bits. */
  int count() {
    int count = 0;
    for (byte b : bytes) {
      count += Integer.bitCount(b & 0xff);
    }
    return count;
  }

  /** Calls for the flat position of every set bit, ascending. */
  void forEach(IntConsumer position) {
    final int stride = rowBytes(shape);
    for (int r = 0; r < shape.rows(); r++) {
      for (int b = 0; b < stride; b++) {
        for (int left = bytes[r * stride + b] & 0xff; left != 0; left &= left - 1) {
          position.accept(r * shape.columns() + 8 * b + Integer.numberOfTrailingZeros(left));
        }
      }
    }
  }

  StoredEntry entry() {
    return new StoredEntry(
        StoredEntry.MASK, SafetensorsType.U8, new long[] {shape.rows(), rowBytes(shape)}, bytes);
  }
}
