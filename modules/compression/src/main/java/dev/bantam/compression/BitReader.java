package dev.bantam.compression;

/** Reads the bit streams of {@link BitWriter}. */
public final class BitReader {
  private final byte[] in;
  private int at;
  private int pending;
  private int pendingBits;

  /**
   * @param in not modified
   * @param at position of the first byte
   */
  public BitReader(byte[] in, int at) {
    this.in = in;
    this.at = at;
  }

  /** Whether another code of {@code bits} bits is there. */
  public boolean has(int bits) {
    return pendingBits + 8L * (in.length - at) >= bits;
  }

  /**
   * The next code, in [0, 2^bits).
   *
   * @param bits 1..16
   */
  public int next(int bits) {
    while (pendingBits < bits) {
      pending |= (in[at++] & 0xff) << pendingBits;
      pendingBits += 8;
    }
    final int code = pending & ((1 << bits) - 1);
    pending >>>= bits;
    pendingBits -= bits;
    return code;
  }

  /** Position of the first byte that no code has touched. */
  public int position() {
    return at;
  }

  /** Whether the bits left in the byte of the last code are zero, as a writer leaves them. */
  public boolean padIsZero() {
    return pending == 0;
  }
}
