package dev.bantam.data;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.model.Batch;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.RandomAccess;
import java.util.stream.IntStream;

/**
 * Tokenized examples cut into batches. An unmodifiable list that knows which example is in which
 * batch and packs the tokens of a batch when it is asked for. Every example is in exactly one
 * batch.
 */
public final class Batches extends AbstractList<LabelledBatch> implements RandomAccess {
  /** Batches whose examples are sorted by length together while shuffling. */
  private static final int BATCHES_PER_CHUNK = 50;

  private final List<TokenizedExample> examples;
  private final List<int[]> rows;
  private final int[] firstOutput;

  private Batches(List<TokenizedExample> examples, List<int[]> rows) {
    this.examples = examples;
    this.rows = rows;
    this.firstOutput = new int[examples.size()];
    for (int i = 1; i < firstOutput.length; i++) {
      firstOutput[i] = Math.addExact(firstOutput[i - 1], examples.get(i - 1).outputs());
    }
  }

  /**
   * For evaluation: shortest first (equal lengths in list order), each batch filled until the next
   * example would take it over a limit. An example longer than {@code maxTokens} has a batch of its
   * own.
   *
   * @param maxTokens most tokens of a batch
   * @param maxSentences most examples of a batch
   */
  public static Batches byTokenBudget(
      List<TokenizedExample> examples, int maxTokens, int maxSentences) {
    requirePositive("maxTokens", maxTokens);
    requirePositive("maxSentences", maxSentences);
    final List<TokenizedExample> all = List.copyOf(examples);
    final int[] order = IntStream.range(0, all.size()).toArray();
    sortByLength(all, order, 0, order.length);
    final List<int[]> rows = new ArrayList<>();
    int from = 0;
    long tokens = 0;
    for (int i = 0; i < order.length; i++) {
      final int length = all.get(order[i]).length();
      if (i > from && (tokens + length > maxTokens || i - from == maxSentences)) {
        rows.add(Arrays.copyOfRange(order, from, i));
        from = i;
        tokens = 0;
      }
      tokens += length;
    }
    if (from < order.length) {
      rows.add(Arrays.copyOfRange(order, from, order.length));
    }
    return new Batches(all, rows);
  }

  /**
   * For training: batches of exactly {@code batchSize} examples of similar length, in random order.
   * The examples are shuffled; what does not fill a batch goes last; the others are cut into chunks
   * of 50 batches, each chunk is sorted by length and cut into batches, and all full batches are
   * shuffled. Depends on the number of examples, their lengths and the arguments only.
   *
   * @param seed seed of the run
   * @param epoch number of the epoch; every epoch has an order of its own
   */
  public static Batches shuffled(
      List<TokenizedExample> examples, int batchSize, long seed, int epoch) {
    requirePositive("batchSize", batchSize);
    final List<TokenizedExample> all = List.copyOf(examples);
    // java.util.Random, because its sequence is part of its specification
    final Random random = new Random(StableHash.seed("shuffle\t" + seed + '\t' + epoch));
    final int[] order = IntStream.range(0, all.size()).toArray();
    for (int i = order.length - 1; i > 0; i--) {
      swap(order, i, random.nextInt(i + 1));
    }
    final int full = order.length - order.length % batchSize;
    final long chunk = (long) BATCHES_PER_CHUNK * batchSize;
    for (long from = 0; from < full; from += chunk) {
      sortByLength(all, order, (int) from, (int) Math.min(from + chunk, full));
    }
    final int[] places = IntStream.range(0, full / batchSize).toArray();
    for (int i = places.length - 1; i > 0; i--) {
      swap(places, i, random.nextInt(i + 1));
    }
    final List<int[]> rows = new ArrayList<>(places.length + 1);
    for (int place : places) {
      rows.add(Arrays.copyOfRange(order, place * batchSize, (place + 1) * batchSize));
    }
    if (full < order.length) {
      rows.add(Arrays.copyOfRange(order, full, order.length));
    }
    return new Batches(all, rows);
  }

  /** Packs batch {@code index}. */
  @Override
  public LabelledBatch get(int index) {
    final int[] of = rows(index);
    if (examples.get(of[0]).tagged().isPresent()) {
      return tagged(of);
    }
    final List<Encoding> encodings = new ArrayList<>(of.length);
    final int[] labels = new int[of.length];
    final float[] targets = new float[of.length];
    for (int i = 0; i < of.length; i++) {
      final TokenizedExample e = examples.get(of[i]);
      encodings.add(e.encoding());
      labels[i] = e.label();
      targets[i] = (float) e.target();
    }
    return new LabelledBatch(Batch.of(encodings), labels, targets, of);
  }

  private LabelledBatch tagged(int[] of) {
    final List<Encoding> encodings = new ArrayList<>(of.length);
    final List<int[]> tokens = new ArrayList<>(of.length);
    final int outputs = Arrays.stream(of).map(row -> examples.get(row).outputs()).sum();
    final int[] labels = new int[outputs];
    final int[] places = new int[outputs];
    int at = 0;
    for (int row : of) {
      final Tagged words = examples.get(row).tagged().orElseThrow();
      encodings.add(examples.get(row).encoding());
      tokens.add(words.tokens());
      for (int i = 0; i < words.outputs(); i++, at++) {
        labels[at] = words.tags().get(words.words()[i]);
        places[at] = firstOutput[row] + i;
      }
    }
    final float[] targets = new float[outputs];
    Arrays.fill(targets, Float.NaN);
    return new LabelledBatch(Batch.of(encodings, tokens), labels, targets, places);
  }

  /** The examples of batch {@code index}, as indices into the list that was cut; a copy. */
  public int[] rows(int index) {
    return rows.get(index).clone();
  }

  /** Number of batches. */
  @Override
  public int size() {
    return rows.size();
  }

  private static void sortByLength(List<TokenizedExample> all, int[] order, int from, int to) {
    final int[] sorted =
        Arrays.stream(order, from, to)
            .boxed()
            .sorted(Comparator.comparingInt(row -> all.get(row).length())) // stable
            .mapToInt(Integer::intValue)
            .toArray();
    System.arraycopy(sorted, 0, order, from, sorted.length);
  }

  private static void swap(int[] values, int i, int j) {
    final int value = values[i];
    values[i] = values[j];
    values[j] = value;
  }

  private static void requirePositive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be at least 1, not " + value);
    }
  }
}
