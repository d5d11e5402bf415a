package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.data.Split;
import dev.bantam.data.StableHash;
import dev.bantam.data.Task;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Texts that ranges are measured on: training rows drawn by the seed of the cell. Rows that stand
 * in dev or test as well are never among them.
 *
 * @param rows how many, at most all there are
 * @param batch texts of a batch
 */
record Calibration(int rows, int batch) {
  static final int MOST = 1 << 20;
  private static final int SMOKE_ROWS = 8;

  /** Reads {@code rows} and {@code batch}; this is the home of their defaults. */
  static Calibration read(Settings settings) {
    return new Calibration(
        settings.integer("rows", 1, MOST, 256), settings.integer("batch", 1, 1 << 14, 32));
  }

  /** The same with less work. */
  Calibration smoke() {
    return new Calibration(Math.min(rows, SMOKE_ROWS), Math.min(batch, SMOKE_ROWS / 2));
  }

  /**
   * The batches, in an order that is part of the draw; the last may be smaller.
   *
   * @throws BantamException (bad file) if every training row is one of dev or test
   */
  List<Batch> batches(CompressionState state) {
    final List<TokenizedExample> train = unseen(state);
    final int n = Math.min(rows, train.size());
    final int[] order = new int[train.size()];
    for (int i = 0; i < order.length; i++) {
      order[i] = i;
    }
    // java.util.Random, because its sequence is part of its specification
    final Random random = new Random(state.seed("rows", "calibration"));
    for (int i = 0; i < n; i++) {
      final int other = i + random.nextInt(order.length - i);
      final int row = order[other];
      order[other] = order[i];
      order[i] = row;
    }
    final List<Batch> batches = new ArrayList<>();
    for (int from = 0; from < n; from += batch) {
      final List<Encoding> texts = new ArrayList<>();
      for (int i = from; i < Math.min(n, from + batch); i++) {
        texts.add(train.get(order[i]).encoding());
      }
      batches.add(Batch.of(texts));
    }
    return batches;
  }

  /** The training rows that the model is not scored on. */
  private static List<TokenizedExample> unseen(CompressionState state) {
    final Task task = state.resources().task();
    final Set<String> scored = new HashSet<>(); // looked up only
    for (Split split : List.of(Split.DEV, Split.TEST)) {
      task.examples(split).forEach(e -> scored.add(StableHash.sha256(e.joined())));
    }
    final List<TokenizedExample> train = state.resources().train();
    final List<TokenizedExample> unseen =
        train.stream().filter(e -> !scored.contains(e.hash())).toList();
    if (unseen.isEmpty()) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "All "
              + train.size()
              + " training rows of '"
              + task.name()
              + "' are rows of its dev or test too. Ranges that were measured on them would make its"
              + " score look better than it is. Name a task with training rows of its own.");
    }
    if (unseen.size() < train.size()) {
      state
          .resources()
          .progress()
          .message(
              (train.size() - unseen.size())
                  + " training rows of '"
                  + task.name()
                  + "' are rows of its dev or test too, and no range is measured on them.");
    }
    return unseen;
  }
}
