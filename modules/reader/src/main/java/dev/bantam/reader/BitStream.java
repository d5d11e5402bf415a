package dev.bantam.reader;

/**
 * Unsigned codes packed one after another; bit {@code j} is bit {@code j & 7} of byte {@code j >>
 * 3}.
 */
final class BitStream {
  private final byte[] bytes;
  private final int end;
  private int next;
  private long held;
  private int heldBits;

  /** A stream over {@code bytes[from .. to)}. */
  BitStream(byte[] bytes, int from, int to) {
    this.bytes = bytes;
    this.next = from;
    this.end = to;
  }

  /** Whether a code of this width is left. */
  boolean has(int width) {
    return heldBits + 8L * (end - next) >= width;
  }

  /** The next code, 1 to 16 bits wide. */
  int take(int width) {
    while (heldBits < width) {
      held |= (bytes[next++] & 0xffL) << heldBits;
      heldBits += 8;
    }
    final int code = (int) (held & ((1L << width) - 1));
    held >>>= width;
    heldBits -= width;
    return code;
  }

  /** Whether what is left is less than a byte, and all zeros. */
  boolean endsClean() {
    return next == end && held == 0;
  }

  /** Bytes that {@code codes} codes of this width take. */
  static long bytes(long codes, int width) {
    return codes / 8 * width + (codes % 8 * width + 7) / 8;
  }
}
