package dev.bantam.outliersuppression;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Settings;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Texts that ranges are measured on: training rows drawn by the seed of the cell, so that rows of
 * dev and test are out of reach.
 *
 * @param rows how many, at most all there are
 * @param batch texts of a batch
 */
record Calibration(int rows, int batch) {
  private static final int MOST = 1 << 20;
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

  /** The batches, in an order that is part of the draw; the last may be smaller. */
  List<Batch> batches(CompressionState state) {
    final List<TokenizedExample> train = state.resources().train();
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
}
