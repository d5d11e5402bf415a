package dev.bantam.model;

import dev.bantam.checkpoint.Encoding;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Several sequences without padding: the tokens of all sequences one after the other, with the
 * offset of each sequence. The arrays are owned by the batch; callers do not modify them.
 *
 * @param ids vocabulary ids, [tokens]
 * @param typeIds token types, [tokens]
 * @param positions position of each token in its row, [tokens]
 * @param offsets start of each sequence, [sequences + 1]; the last entry is the number of tokens
 * @param read tokens that a head of tokens gives outputs for, ascending; other heads and the
 *     encoder do not look at them
 */
@SuppressWarnings("ArrayRecordComponent") // written once, read in hot loops
public record Batch(int[] ids, int[] typeIds, int[] positions, int[] offsets, int[] read) {
  public Batch {
    if (typeIds.length != ids.length || positions.length != ids.length) {
      throw new IllegalArgumentException("ids, typeIds and positions differ in length");
    }
    if (offsets.length < 1 || offsets[0] != 0 || offsets[offsets.length - 1] != ids.length) {
      throw new IllegalArgumentException("offsets must run from 0 to the number of tokens");
    }
    for (int i = 1; i < offsets.length; i++) {
      if (offsets[i] <= offsets[i - 1]) {
        throw new IllegalArgumentException("Sequence " + (i - 1) + " of the batch is empty");
      }
    }
    for (int i = 0; i < read.length; i++) {
      if (read[i] < 0 || read[i] >= ids.length || (i > 0 && read[i] <= read[i - 1])) {
        throw new IllegalArgumentException(
            "read[" + i + "] is " + read[i] + ", which is no next token");
      }
    }
  }

  /** A batch of which a head of tokens reads every token. */
  public Batch(int[] ids, int[] typeIds, int[] positions, int[] offsets) {
    this(ids, typeIds, positions, offsets, IntStream.range(0, ids.length).toArray());
  }

  /** Packs encodings in order; positions count from 0 in each. */
  public static Batch of(List<Encoding> encodings) {
    final int[] offsets = new int[encodings.size() + 1];
    for (int i = 0; i < encodings.size(); i++) {
      offsets[i + 1] = Math.addExact(offsets[i], encodings.get(i).length());
    }
    final int tokens = offsets[encodings.size()];
    final int[] ids = new int[tokens];
    final int[] types = new int[tokens];
    final int[] positions = new int[tokens];
    for (int i = 0; i < encodings.size(); i++) {
      final Encoding e = encodings.get(i);
      System.arraycopy(e.ids(), 0, ids, offsets[i], e.length());
      System.arraycopy(e.typeIds(), 0, types, offsets[i], e.length());
      for (int t = 0; t < e.length(); t++) {
        positions[offsets[i] + t] = t;
      }
    }
    return new Batch(ids, types, positions, offsets);
  }

  /**
   * Packs encodings in order, with the tokens of each that a head of tokens reads.
   *
   * @param read ascending numbers of tokens for each encoding, from 0 in each
   */
  public static Batch of(List<Encoding> encodings, List<int[]> read) {
    final Batch all = of(encodings);
    final List<Integer> tokens = new ArrayList<>();
    for (int i = 0; i < read.size(); i++) {
      for (int token : read.get(i)) {
        if (token < 0 || token >= encodings.get(i).length()) {
          throw new IllegalArgumentException("Sequence " + i + " has no token " + token);
        }
        tokens.add(all.offsets[i] + token);
      }
    }
    return new Batch(
        all.ids,
        all.typeIds,
        all.positions,
        all.offsets,
        tokens.stream().mapToInt(Integer::intValue).toArray());
  }

  /** Number of sequences. */
  public int sequences() {
    return offsets.length - 1;
  }

  /** Number of tokens over all sequences. */
  public int tokens() {
    return ids.length;
  }

  /** Tokens of sequence {@code i}. */
  public int length(int i) {
    return offsets[i + 1] - offsets[i];
  }
}
