package dev.bantam.deltamerging;

import dev.bantam.tensor.Seeds;
import java.util.Arrays;

/**
 * Random masks whose every bit follows from a key and the element's index alone, so that neither
 * order nor threads matter, any range can be drawn again, and a stored delta needs no mask.
 *
 * <p>Generator {@code splitmix64}, version 1: {@code h(i) = mix(key + (i + 1) *
 * 0x9e3779b97f4a7c15)} with the finaliser of SplitMix64 (Steele, Lea and Flood 2014); {@code u(i)}
 * are its upper 53 bits. Changing anything here changes what stored deltas mean: a new version
 * needs a new name.
 */
final class RandomMask {
  /** Name and version of the generator in files. */
  static final String GENERATOR = "splitmix64-1";

  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  /** Elements of a block: what is drawn for them stays in the first-level cache. */
  static final int BLOCK = 1024;

  /** {@code i * GOLDEN} for the elements of a block. */
  private static final long[] STEPS = new long[BLOCK];

  /** Up to this length sorting is faster than counting. */
  private static final int SORTED = 4096;

  static {
    Arrays.setAll(STEPS, i -> i * GOLDEN);
  }

  private RandomMask() {}

  /**
   * The key of a mask.
   *
   * @param tensor name of the tensor, without a prefix such as {@code bert.}
   * @param input name of the model, different for each
   */
  static long key(long seed, String tensor, String input) {
    return Seeds.derive(seed, "delta mask", tensor, input);
  }

  /** 64 random bits of an element. */
  static long bits(long key, long index) {
    return mix(key + (index + 1) * GOLDEN);
  }

  private static long mix(long state) {
    long h = (state ^ (state >>> 30)) * 0xbf58476d1ce4e5b9L;
    h = (h ^ (h >>> 27)) * 0x94d049bb133111ebL;
    return h ^ (h >>> 31);
  }

  /** What {@code bits >>> 11} must be below to be kept with a probability. */
  static long threshold(double probability) {
    return (long) Math.ceil(Math.min(1, Math.max(0, probability)) * 0x1p53);
  }

  /** Whether an element is kept: {@code u(i) < probability}. */
  static boolean keeps(long key, long index, long threshold) {
    return bits(key, index) >>> 11 < threshold;
  }

  /**
   * Sets every element to zero independently, with probability {@code 1 - density}.
   *
   * @param delta in and out
   */
  static void bernoulli(float[] delta, double density, long key) {
    final long threshold = threshold(density);
    final long[] kept = new long[BLOCK];
    for (int from = 0; from < delta.length; from += BLOCK) {
      bernoulli(delta, from, Math.min(BLOCK, delta.length - from), threshold, key, kept);
    }
  }

  /**
   * {@link #bernoulli(float[], double, long)} for the elements of one block.
   *
   * @param from the first, a multiple of {@link #BLOCK}
   * @param n {@link #BLOCK} of them at most
   * @param kept scratch of {@link #BLOCK}
   */
  static void bernoulli(float[] delta, int from, int n, long threshold, long key, long[] kept) {
    draw(key + (from + 1L) * GOLDEN, threshold, kept);
    for (int i = 0; i < n; i++) {
      delta[from + i] =
          Float.intBitsToFloat(Float.floatToRawIntBits(delta[from + i]) & (int) kept[i]);
    }
  }

  /**
   * For the elements of a block all ones where {@code u(i)} is below the threshold, else 0: a
   * branch would be mispredicted half the time. A loop of its own, in {@code long} alone, runs in
   * vectors.
   *
   * @param first {@code key + (i + 1) GOLDEN} of the first element
   */
  private static void draw(long first, long threshold, long[] kept) {
    for (int i = 0; i < BLOCK; i++) {
      kept[i] = ((mix(first + STEPS[i]) >>> 11) - threshold) >> 63;
    }
  }

  /**
   * Keeps exactly {@code rint(density n)} elements, every set of that size with equal chance: those
   * of the smallest random bits, which are all different.
   *
   * @param delta in and out
   */
  static void exact(float[] delta, double density, long key) {
    final int keep = (int) Math.rint(Math.min(1, Math.max(0, density)) * delta.length);
    if (keep == delta.length) {
      return;
    }
    final long limit = keep == 0 ? 0 : smallest(delta.length, keep - 1, key) + 1;
    for (int i = 0; i < delta.length; i++) {
      delta[i] = Long.compareUnsigned(bits(key, i), limit) < 0 ? delta[i] : 0f;
    }
  }

  /** The random bits at a rank, from 0 by rising unsigned value: 16 bits in each of 4 passes. */
  private static long smallest(int n, int rank, long key) {
    if (n <= SORTED) {
      final long[] all = new long[n];
      Arrays.setAll(all, i -> bits(key, i) ^ Long.MIN_VALUE); // signed order is the unsigned one
      Arrays.sort(all);
      return all[rank] ^ Long.MIN_VALUE;
    }
    long prefix = 0;
    long left = rank;
    for (int shift = 48; shift >= 0; shift -= 16) {
      final long[] counts = new long[1 << 16];
      for (int i = 0; i < n; i++) {
        final long h = bits(key, i);
        if (shift == 48 || h >>> (shift + 16) == prefix) {
          counts[(int) (h >>> shift) & 0xffff]++;
        }
      }
      int digit = 0;
      while (counts[digit] <= left) {
        left -= counts[digit++];
      }
      prefix = prefix << 16 | digit;
    }
    return prefix;
  }
}
