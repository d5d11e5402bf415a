package dev.bantam.model;

import dev.bantam.tensor.Floats;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** {@code h = dropout(LN(word[id] + position[p] + type[t]))}, forward and backward. */
final class EmbeddingLayer {
  static final String WORD = "embeddings.word_embeddings.weight";
  static final String POSITION = "embeddings.position_embeddings.weight";
  static final String TYPE = "embeddings.token_type_embeddings.weight";
  static final String NORM = "embeddings.LayerNorm";
  private static final int DROP = 7;

  private final Pass pass;
  private final Floats word;
  private final Floats position;
  private final Floats type;
  private final LayerWeights.Norm norm;
  private final int d;
  private final double eps;

  /** Normalised rows and their factors, kept for the backward. */
  record Saved(Floats normalized, float[] rstd) {}

  EmbeddingLayer(Pass pass, Map<String, INDArray> parameters, int d, double eps) {
    this.pass = pass;
    this.word = Floats.of(parameters.get(WORD));
    this.position = Floats.of(parameters.get(POSITION));
    this.type = Floats.of(parameters.get(TYPE));
    this.norm = new LayerWeights.Norm(NORM, parameters::get);
    this.d = d;
    this.eps = eps;
  }

  Stage forward(Floats output, Saved saved) {
    return (shard, part, worker) -> {
      final int first = pass.shards().firstRow(shard);
      final int count = pass.shards().endRow(shard) - first;
      final int end = first + Shards.share(count, part + 1, pass.shards().parts());
      final int step = Scratch.tileRows(d);
      final float[] tile = pass.scratch()[worker].tile(0, step * d);
      final float[] other = pass.scratch()[worker].tile(1, step * d);
      for (int row = first + Shards.share(count, part, pass.shards().parts());
          row < end;
          row += step) {
        final int rows = Math.min(step, end - row);
        gather(word, pass.batch().ids(), row, rows, tile);
        gather(position, pass.batch().positions(), row, rows, other);
        pass.kernels().add(tile, other, rows * d);
        gather(type, pass.batch().typeIds(), row, rows, other);
        pass.kernels().add(tile, other, rows * d);
        pass.kernels()
            .layerNorm(tile, rows, d, norm.gamma, norm.beta, eps, other, saved.rstd(), row);
        if (pass.keep()) {
          saved.normalized().write(row * d, other, 0, rows * d);
        }
        if (pass.dropout().active()) {
          pass.kernels()
              .dropout(tile, rows * d, pass.dropout().at(-1, DROP), row * d, pass.dropout().rate());
        }
        output.write(row * d, tile, 0, rows * d);
      }
    };
  }

  private void gather(Floats table, int[] index, int row, int rows, float[] tile) {
    for (int r = 0; r < rows; r++) {
      table.read(index[row + r] * d, tile, r * d, d);
    }
  }

  /** Sends the gradients of the tables and the norm, given that of the output in {@code stream}. */
  void backward(Floats stream, Saved saved, GradientStore gradients) {
    final boolean tables =
        gradients.wants(WORD) || gradients.wants(POSITION) || gradients.wants(TYPE);
    if (!tables && !gradients.wants(NORM + ".weight") && !gradients.wants(NORM + ".bias")) {
      return;
    }
    final int pieces = pass.shards().count() * pass.shards().parts();
    final Partials gamma = new Partials(pieces, d);
    final Partials beta = new Partials(pieces, d);
    Stage.runAll(
        java.util.List.of(
            (shard, part, worker) -> throughNorm(shard, part, worker, stream, saved, gamma, beta)),
        pass.shards(),
        pass.workers());
    gradients.vector(NORM + ".weight", gamma::total);
    gradients.vector(NORM + ".bias", beta::total);
    scatter(WORD, pass.batch().ids(), stream, gradients);
    scatter(POSITION, pass.batch().positions(), stream, gradients);
    scatter(TYPE, pass.batch().typeIds(), stream, gradients);
  }

  private void throughNorm(
      int shard, int part, int worker, Floats stream, Saved saved, Partials gamma, Partials beta) {
    final int first = pass.shards().firstRow(shard);
    final int count = pass.shards().endRow(shard) - first;
    final int end = first + Shards.share(count, part + 1, pass.shards().parts());
    final int step = Scratch.tileRows(d);
    final float[] tile = pass.scratch()[worker].tile(0, step * d);
    final float[] other = pass.scratch()[worker].tile(1, step * d);
    final int piece = shard * pass.shards().parts() + part;
    for (int row = first + Shards.share(count, part, pass.shards().parts());
        row < end;
        row += step) {
      final int rows = Math.min(step, end - row);
      stream.read(row * d, tile, 0, rows * d);
      if (pass.dropout().active()) {
        pass.kernels()
            .dropout(tile, rows * d, pass.dropout().at(-1, DROP), row * d, pass.dropout().rate());
      }
      saved.normalized().read(row * d, other, 0, rows * d);
      pass.kernels()
          .layerNormBackward(
              tile, rows, d, other, saved.rstd(), row, norm.gamma, gamma.of(piece), beta.of(piece));
      stream.write(row * d, tile, 0, rows * d);
    }
  }

  private void scatter(String name, int[] index, Floats stream, GradientStore gradients) {
    if (!gradients.wants(name)) {
      return;
    }
    final Floats table = gradients.matrix(name);
    table.fill(0, table.length(), 0f);
    final float[] row = new float[d];
    final float[] sum = new float[d];
    for (int t = 0; t < pass.batch().tokens(); t++) {
      stream.read(t * d, row, 0, d);
      table.read(index[t] * d, sum, 0, d);
      pass.kernels().add(sum, row, d);
      table.write(index[t] * d, sum, 0, d);
    }
    gradients.done(name);
  }
}
