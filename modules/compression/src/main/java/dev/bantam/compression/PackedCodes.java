package dev.bantam.compression;

import dev.bantam.tensor.BantamException;

/** Matrices of k-bit codes as one bit stream a row, every row starting on a byte. */
final class PackedCodes {
  private PackedCodes() {}

  /** Bytes of a packed row. */
  static int rowBytes(int columns, int bits) {
    return Math.toIntExact(BitWriter.bytes(columns, bits));
  }

  /**
   * Packs codes.
   *
   * @param codes [rows x columns], unsigned, below 2^bits
   * @param bits 1..8
   * @return [rows x rowBytes], the bits after the last code of a row zero
   */
  static byte[] pack(byte[] codes, int rows, int columns, int bits) {
    final int stride = rowBytes(columns, bits);
    final byte[] packed = new byte[Math.multiplyExact(rows, stride)];
    for (int r = 0; r < rows; r++) {
      final BitWriter out = new BitWriter(packed, r * stride);
      for (int i = r * columns; i < (r + 1) * columns; i++) {
        out.put(codes[i] & 0xff, bits);
      }
      out.finish();
    }
    return packed;
  }

  /**
   * The inverse of {@link #pack}.
   *
   * @param entry suffix of the entry, for messages
   * @throws BantamException if bits after the last code of a row are set
   */
  static byte[] unpack(byte[] packed, int rows, int columns, int bits, String entry) {
    final int stride = rowBytes(columns, bits);
    final byte[] codes = new byte[Math.multiplyExact(rows, columns)];
    for (int r = 0; r < rows; r++) {
      final BitReader in = new BitReader(packed, r * stride);
      for (int i = r * columns; i < (r + 1) * columns; i++) {
        codes[i] = (byte) in.next(bits);
      }
      if (!in.padIsZero()) {
        throw BantamException.badInput(
            "its entry '" + entry + "' has bits set after the last code of row " + r + ".");
      }
    }
    return codes;
  }

  /** Refuses set bits after the last code of a row, without unpacking. */
  static void checkPad(byte[] packed, int rows, int columns, int bits, String entry) {
    final int used = (int) ((long) columns * bits & 7);
    final int stride = rowBytes(columns, bits);
    for (int r = 0; used > 0 && r < rows; r++) {
      if ((packed[(r + 1) * stride - 1] & 0xff) >>> used != 0) {
        throw BantamException.badInput(
            "its entry '" + entry + "' has bits set after the last code of row " + r + ".");
      }
    }
  }
}
