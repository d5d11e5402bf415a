package dev.bantam.model;

/**
 * How a batch is cut into pieces of work: runs of whole sequences. Depends on the shape of the
 * batch alone.
 *
 * <p>From 512 tokens on, there are 4, 8 or 16 shards of 128 to 512 tokens: enough to keep every
 * core busy, a power of two so that cores get equal shares, and tall enough that weights stream
 * past seldom. Each runs a layer by itself. Below that, or where sequences are too few, each stage
 * is cut further into {@link #parts()} column panels, rows or heads, so that one short text uses
 * every core.
 */
final class Shards {
  private static final int TOKENS_PER_SHARD = 256;
  private static final int MOST = 16;
  private static final int ENOUGH = 4;
  private static final int PARTS = 4;

  private final int[] firstSequence;
  private final int[] offsets;

  Shards(int[] offsets) {
    this.offsets = offsets;
    final int sequences = offsets.length - 1;
    final int tokens = offsets[sequences];
    final int wanted = Math.min(sequences, wanted(tokens));
    firstSequence = new int[wanted + 1];
    int sequence = 0;
    for (int shard = 0; shard < wanted; shard++) {
      firstSequence[shard] = sequence;
      // at least one sequence each, then up to the shard's share of the tokens
      final long end = (long) tokens * (shard + 1) / wanted;
      sequence++;
      while (sequence < sequences - (wanted - shard - 1) && offsets[sequence + 1] <= end) {
        sequence++;
      }
    }
    firstSequence[wanted] = sequences;
  }

  private static int wanted(int tokens) {
    if (tokens < ENOUGH * TOKENS_PER_SHARD / 2) {
      return 1;
    }
    return Math.max(ENOUGH, Math.min(MOST, Integer.highestOneBit(tokens / TOKENS_PER_SHARD)));
  }

  int count() {
    return firstSequence.length - 1;
  }

  /** Whether a shard runs all stages by itself, without waiting for the others. */
  boolean independent() {
    return count() >= ENOUGH;
  }

  /** Pieces of each stage of a shard. */
  int parts() {
    return independent() ? 1 : PARTS;
  }

  /** Pieces of each stage over all shards. */
  int pieces() {
    return count() * parts();
  }

  /** Number of one piece. */
  int piece(int shard, int part) {
    return shard * parts() + part;
  }

  int firstSequence(int shard) {
    return firstSequence[shard];
  }

  int endSequence(int shard) {
    return firstSequence[shard + 1];
  }

  int firstRow(int shard) {
    return offsets[firstSequence[shard]];
  }

  int endRow(int shard) {
    return offsets[firstSequence[shard + 1]];
  }

  /** Start of panel {@code part} of {@code n} columns, a multiple of 32 but for the end. */
  static int cut(int n, int part, int parts) {
    if (part == parts) {
      return n;
    }
    return Math.min(n, (int) ((long) n * part / parts + 31) / 32 * 32);
  }

  /** Start of range {@code part} of {@code n} items, as equal as can be. */
  static int share(int n, int part, int parts) {
    return (int) ((long) n * part / parts);
  }
}
