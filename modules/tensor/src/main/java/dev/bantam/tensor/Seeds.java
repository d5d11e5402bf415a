package dev.bantam.tensor;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * Seeds of random draws, derived from the run's seed and what the draw is for, so that neither the
 * order of work nor the number of threads matters.
 */
public final class Seeds {
  private Seeds() {}

  /**
   * The first 8 bytes of SHA-256 of the decimal seed and the purposes, each after a line feed.
   *
   * @param seed the run's seed
   * @param purpose what the draw is for, e.g. a tensor name and "dropout"
   */
  public static long derive(long seed, String... purpose) {
    final String text = seed + "\n" + String.join("\n", purpose);
    return ByteBuffer.wrap(Hashes.sha256().digest(text.getBytes(StandardCharsets.UTF_8))).getLong();
  }

  /** A well-mixed int from a seed and a step number, for counters inside hot loops. */
  public static int mix(long seed, long step) {
    long h = seed + step * 0x9e3779b97f4a7c15L;
    h = (h ^ (h >>> 30)) * 0xbf58476d1ce4e5b9L;
    h = (h ^ (h >>> 27)) * 0x94d049bb133111ebL;
    return (int) (h ^ (h >>> 31));
  }
}
