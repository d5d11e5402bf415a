package dev.bantam.model;

import dev.bantam.checkpoint.Encoding;
import java.util.List;

/**
 * Several sequences without padding: the tokens of all sequences one after the other, with the
 * offset of each sequence. The arrays are owned by the batch; callers do not modify them.
 *
 * @param ids vocabulary ids, [tokens]
 * @param typeIds token types, [tokens]
 * @param positions position of each token in its row, [tokens]
 * @param offsets start of each sequence, [sequences + 1]; the last entry is the number of tokens
 */
@SuppressWarnings("ArrayRecordComponent") // written once, read in hot loops
public record Batch(int[] ids, int[] typeIds, int[] positions, int[] offsets) {
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
