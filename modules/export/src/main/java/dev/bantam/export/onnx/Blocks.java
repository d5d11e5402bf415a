package dev.bantam.export.onnx;

import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How a grouped matrix is laid out for {@code MatMulNBits}: blocks of a power of two inputs, at
 * least 16, each with one scale; codes of 2, 4 or 8 bits.
 *
 * <p>A group wider than a block repeats its scale; a code narrower than 2, 4 or 8 bits moves its
 * zero point. Neither changes a value.
 *
 * @param bits 2, 4 or 8
 * @param block inputs of a block
 */
record Blocks(int bits, int block) {
  private static final int SMALLEST = 16;
  private static final int LARGEST = 256;

  /** The layout that holds a tensor, empty if there is none. */
  static Optional<Blocks> of(GroupedTensor tensor) {
    final int bits = tensor.bits() <= 2 ? 2 : tensor.bits() <= 4 ? 4 : 8;
    final OptionalInt block = block(tensor.groups());
    return block.isPresent() ? Optional.of(new Blocks(bits, block.getAsInt())) : Optional.empty();
  }

  /** The widest block of which each lies within one group. */
  private static OptionalInt block(Groups groups) {
    if (groups.width() == groups.columns()) {
      int block = SMALLEST;
      while (block < LARGEST && block < groups.columns()) {
        block *= 2;
      }
      return OptionalInt.of(block); // the last one may be padded
    }
    final int block = Math.min(LARGEST, Integer.lowestOneBit(groups.width()));
    return block < SMALLEST ? OptionalInt.empty() : OptionalInt.of(block);
  }

  /** Blocks of a row. */
  int count(int columns) {
    return (columns + block - 1) / block;
  }

  /** Bytes of the codes of a block. */
  int bytes() {
    return block * bits / 8;
  }

  /** What is added to a signed code to store it. */
  int middle() {
    return 1 << (bits - 1);
  }

  /** Codes as {@code [rows, blocks, bytes of a block]}, low bits first; padding is the middle. */
  byte[] codes(GroupedTensor tensor) {
    final int rows = tensor.groups().rows();
    final int columns = tensor.groups().columns();
    final byte[] signed = tensor.codes();
    final byte[] packed = new byte[Math.multiplyExact(rows, count(columns) * bytes())];
    final int perByte = 8 / bits;
    for (int r = 0; r < rows; r++) {
      final int row = r * count(columns) * bytes();
      for (int c = 0; c < count(columns) * block; c++) {
        final int code = middle() + (c < columns ? signed[r * columns + c] : 0);
        packed[row + c / perByte] |= (byte) (code << (c % perByte * bits));
      }
    }
    return packed;
  }

  /** One scale a block, {@code [rows, blocks]}. */
  float[] scales(GroupedTensor tensor) {
    final Groups groups = tensor.groups();
    final float[] scales = tensor.scales();
    final int across = count(groups.columns());
    final float[] perBlock = new float[groups.rows() * across];
    for (int i = 0; i < perBlock.length; i++) {
      perBlock[i] = scales[groups.at(i / across, i % across * block)];
    }
    return perBlock;
  }

  /** Zero points as a bit stream a row, {@code [rows, ceil(blocks * bits / 8)]}. */
  byte[] zeroPoints(GroupedTensor tensor) {
    final Groups groups = tensor.groups();
    final byte[] zeros = tensor.zeroPoints();
    final int across = count(groups.columns());
    final int bytes = (across * bits + 7) / 8;
    final byte[] packed = new byte[groups.rows() * bytes];
    final int perByte = 8 / bits;
    for (int r = 0; r < groups.rows(); r++) {
      for (int b = 0; b < across; b++) {
        final int zero = middle() + zeros[groups.at(r, b * block)];
        packed[r * bytes + b / perByte] |= (byte) (zero << (b % perByte * bits));
      }
    }
    return packed;
  }
}
