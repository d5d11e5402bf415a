package dev.bantam.export;

import dev.bantam.tensor.BantamException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Signed k-bit codes as streams of little-endian 32-bit words, as compressed-tensors packs them:
 * code i of a stream takes bits {@code ik..ik+k-1} and is stored plus {@code 2^(k-1)}.
 */
final class PackedWords {
  private PackedWords() {}

  /** Words of a stream of so many codes. */
  static int words(int codes, int bits) {
    return (int) (((long) codes * bits + Integer.SIZE - 1) / Integer.SIZE);
  }

  /**
   * Packs each row of a matrix.
   *
   * @param codes [rows x columns], in [-2^(bits-1), 2^(bits-1))
   * @return I32 [rows, words]
   */
  static byte[] rows(byte[] codes, int rows, int columns, int bits) {
    final int words = words(columns, bits);
    final int[] packed = new int[Math.multiplyExact(rows, words)];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        put(packed, r * words, 1, c, bits, codes[r * columns + c]);
      }
    }
    return bytes(packed);
  }

  /**
   * Packs each column of a matrix.
   *
   * @return I32 [words, columns]
   */
  static byte[] columns(byte[] codes, int rows, int columns, int bits) {
    final int[] packed = new int[Math.multiplyExact(words(rows, bits), columns)];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        put(packed, c, columns, r, bits, codes[r * columns + c]);
      }
    }
    return bytes(packed);
  }

  /** The inverse of {@link #rows}. */
  static byte[] fromRows(byte[] words, int rows, int columns, int bits) {
    final int[] packed = ints(words, rows * words(columns, bits));
    final byte[] codes = new byte[Math.multiplyExact(rows, columns)];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = get(packed, i / columns * words(columns, bits), 1, i % columns, bits);
    }
    return codes;
  }

  /** The inverse of {@link #columns}. */
  static byte[] fromColumns(byte[] words, int rows, int columns, int bits) {
    final int[] packed = ints(words, words(rows, bits) * columns);
    final byte[] codes = new byte[Math.multiplyExact(rows, columns)];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = get(packed, i % columns, columns, i / columns, bits);
    }
    return codes;
  }

  /** Code i of the stream whose words start at {@code from}, {@code step} apart. */
  private static void put(int[] packed, int from, int step, int i, int bits, int code) {
    final long shifted = (long) (code + (1 << (bits - 1))) << (i * bits % Integer.SIZE);
    final int word = from + i * bits / Integer.SIZE * step;
    packed[word] |= (int) shifted;
    if (shifted >>> Integer.SIZE != 0) {
      packed[word + step] |= (int) (shifted >>> Integer.SIZE);
    }
  }

  private static byte get(int[] packed, int from, int step, int i, int bits) {
    final int at = i * bits % Integer.SIZE;
    final int word = from + i * bits / Integer.SIZE * step;
    long both = packed[word] & 0xffffffffL;
    if (at + bits > Integer.SIZE) {
      both |= (long) packed[word + step] << Integer.SIZE;
    }
    return (byte) ((int) (both >>> at & (1 << bits) - 1) - (1 << (bits - 1)));
  }

  private static byte[] bytes(int[] words) {
    final ByteBuffer bytes =
        ByteBuffer.allocate(Math.multiplyExact(words.length, Integer.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(words);
    return bytes.array();
  }

  private static int[] ints(byte[] bytes, int expected) {
    if (bytes.length != expected * Integer.BYTES) {
      throw BantamException.badInput(
          "it has " + bytes.length / Integer.BYTES + " words of codes, not " + expected + ".");
    }
    final int[] words = new int[expected];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(words);
    return words;
  }
}
