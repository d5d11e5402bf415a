package dev.bantam.compression;

/**
 * Writes codes as a dense little-endian bit stream: bit j of the stream is bit (j &amp; 7) of byte
 * (j &gt;&gt; 3), and code i of width k lies at bits ik..ik+k-1, its lowest bit first.
 */
public final class BitWriter {
  private final byte[] out;
  private int at;
  private long pending;
  private int pendingBits;

  /**
   * @param out in and out, zero where the stream goes
   * @param at position of the first byte
   */
  public BitWriter(byte[] out, int at) {
    this.out = out;
    this.at = at;
  }

  /** Bytes that {@code codes} codes of {@code bits} bits take, the last one padded. */
  public static long bytes(long codes, int bits) {
    return Math.addExact(Math.multiplyExact(codes, (long) bits), 7) >> 3;
  }

  /**
   * Appends one code.
   *
   * @param code in [0, 2^bits)
   * @param bits 1..16
   */
  public void put(int code, int bits) {
    assert code >>> bits == 0 : code + " has more than " + bits + " bits";
    pending |= (long) code << pendingBits;
    pendingBits += bits;
    while (pendingBits >= 8) {
      out[at++] = (byte) pending;
      pending >>>= 8;
      pendingBits -= 8;
    }
  }

  /** Writes the last, half-filled byte; its upper bits are zero. */
  public void finish() {
    if (pendingBits > 0) {
      out[at++] = (byte) pending;
      pending = 0;
      pendingBits = 0;
    }
  }
}
