package dev.bantam.model;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Encoding;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Several sequences without padding: the tokens of all sequences one after the other, with the
 * offset of each sequence. A row of numbers, for a network that reads no text, is a sequence of one
 * token. The arrays are owned by the batch; callers do not modify them.
 *
 * @param ids vocabulary ids, [tokens]
 * @param typeIds token types, [tokens]
 * @param positions position of each token in its row, [tokens]; counts masked tokens and padding
 *     that the batch leaves out
 * @param offsets start of each sequence, [sequences + 1]; the last entry is the number of tokens
 * @param read tokens that a head of tokens gives outputs for, ascending; other heads and the
 *     encoder do not look at them
 * @param positionIds rows of the position table, [tokens], or empty: the model then numbers them as
 *     its architecture says, from the positions or the ids of the batch. Only a row of which
 *     visible ids were left out, in a model that counts ids, needs them
 * @param features the numbers of each row, [sequences, numbers of a row] row-major; none for texts
 */
@SuppressWarnings("ArrayRecordComponent") // written once, read in hot loops
public record Batch(
    int[] ids,
    int[] typeIds,
    int[] positions,
    int[] offsets,
    int[] read,
    int[] positionIds,
    float[] features) {
  private static final int[] NONE = {};
  private static final float[] TEXTS = {};

  public Batch {
    if (typeIds.length != ids.length
        || positions.length != ids.length
        || (positionIds.length != ids.length && positionIds.length != 0)) {
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
    if (features.length > 0 && features.length % (offsets.length - 1) != 0) {
      throw new IllegalArgumentException(
          features.length + " numbers are no equal rows of " + (offsets.length - 1) + " sequences");
    }
  }

  /** A batch of texts. */
  public Batch(
      int[] ids, int[] typeIds, int[] positions, int[] offsets, int[] read, int[] positionIds) {
    this(ids, typeIds, positions, offsets, read, positionIds, TEXTS);
  }

  /** A batch whose rows of the position table the model numbers. */
  public Batch(int[] ids, int[] typeIds, int[] positions, int[] offsets, int[] read) {
    this(ids, typeIds, positions, offsets, read, NONE);
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
    return new Batch(
        ids,
        types,
        positions,
        offsets,
        IntStream.range(0, tokens).toArray(),
        NONE,
        features(encodings));
  }

  private static float[] features(List<Encoding> encodings) {
    final int width = encodings.isEmpty() ? 0 : encodings.get(0).features().length;
    final float[] features = new float[Math.multiplyExact(encodings.size(), width)];
    for (int i = 0; i < encodings.size(); i++) {
      final float[] row = encodings.get(i).features();
      if (row.length != width) {
        throw new IllegalArgumentException(
            "Rows of " + width + " and of " + row.length + " numbers in one batch");
      }
      System.arraycopy(row, 0, features, i * width, width);
    }
    return features;
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

  /**
   * Packs padded rows, leaving out masked tokens; positions stay those of the rows.
   *
   * @param ids [rows][n]
   * @param mask not 0 where a token is visible; each row needs one
   * @param typeIds token types
   * @param architecture how tokens are numbered
   */
  public static Batch ofPadded(
      int[][] ids, int[][] mask, int[][] typeIds, Architecture architecture) {
    final int[] offsets = new int[ids.length + 1];
    final List<int[]> tokens = new ArrayList<>();
    for (int row = 0; row < ids.length; row++) {
      final int[] numbered = PositionIds.of(architecture, ids[row]);
      for (int t = 0; t < ids[row].length; t++) {
        if (mask[row][t] != 0) {
          tokens.add(new int[] {ids[row][t], typeIds[row][t], t, numbered[t]});
        }
      }
      offsets[row + 1] = tokens.size();
    }
    return new Batch(
        column(tokens, 0),
        column(tokens, 1),
        column(tokens, 2),
        offsets,
        IntStream.range(0, tokens.size()).toArray(),
        column(tokens, 3));
  }

  private static int[] column(List<int[]> tokens, int column) {
    return tokens.stream().mapToInt(t -> t[column]).toArray();
  }

  /** Numbers of a row; 0 for texts. */
  public int width() {
    return features.length == 0 ? 0 : features.length / sequences();
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
