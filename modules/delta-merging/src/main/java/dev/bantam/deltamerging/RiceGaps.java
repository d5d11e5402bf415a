package dev.bantam.deltamerging;

import dev.bantam.compression.BitReader;
import dev.bantam.compression.BitWriter;
import dev.bantam.tensor.BantamException;

/**
 * Positions as gaps in Rice codes (Rice and Plaunt 1971): a gap g, the number of elements skipped,
 * is {@code g >> k} ones, a zero, and the k lowest bits of g, lowest first. With share d kept at
 * random the cost of one is {@code k + 1 + Q / (1 - Q)} bits, {@code Q = (1 - d)^(2^k)}.
 */
final class RiceGaps {
  static final int MAX_PARAMETER = 16;

  private RiceGaps() {}

  /** Bits of all gaps for a parameter. */
  static long bits(boolean[] kept, int k) {
    long bits = 0;
    int gap = 0;
    for (boolean here : kept) {
      if (here) {
        bits += (gap >> k) + 1L + k;
        gap = 0;
      } else {
        gap++;
      }
    }
    return bits;
  }

  /** The parameter of fewest bits, the smallest of equals. */
  static int best(boolean[] kept) {
    int best = 0;
    long least = Long.MAX_VALUE;
    for (int k = 0; k <= MAX_PARAMETER; k++) {
      final long bits = bits(kept, k);
      if (bits < least) {
        least = bits;
        best = k;
      }
    }
    return best;
  }

  static byte[] encode(boolean[] kept, int k) {
    final byte[] bytes = new byte[Math.toIntExact((bits(kept, k) + 7) >> 3)];
    final BitWriter out = new BitWriter(bytes, 0);
    int gap = 0;
    for (boolean here : kept) {
      if (!here) {
        gap++;
        continue;
      }
      int ones = gap >> k;
      for (; ones >= 15; ones -= 15) {
        out.put(0x7fff, 15);
      }
      out.put((1 << ones) - 1, ones + 1); // the last bit is zero
      if (k > 0) {
        out.put(gap & ((1 << k) - 1), k);
      }
      gap = 0;
    }
    out.finish();
    return bytes;
  }

  /**
   * Reads positions back.
   *
   * @param kept out, all false before
   * @param count number of gaps
   * @throws BantamException (bad input) if the stream does not fit
   */
  static void decode(byte[] bytes, int k, int count, boolean[] kept) {
    final BitReader in = new BitReader(bytes, 0);
    long at = -1;
    for (int i = 0; i < count; i++) {
      long gap = 0;
      while (bit(in) == 1) {
        gap += 1L << k;
      }
      if (k > 0) {
        if (!in.has(k)) {
          throw damaged();
        }
        gap += in.next(k);
      }
      at += gap + 1;
      if (at >= kept.length) {
        throw damaged();
      }
      kept[(int) at] = true;
    }
    if (in.position() != bytes.length || !in.padIsZero()) {
      throw damaged();
    }
  }

  private static int bit(BitReader in) {
    if (!in.has(1)) {
      throw damaged();
    }
    return in.next(1);
  }

  private static BantamException damaged() {
    return BantamException.badInput(
        "The gaps of a stored delta do not end with its tensor: the file is damaged.");
  }
}
