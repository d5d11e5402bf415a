package dev.bantam.model;

import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Floats;

/** {@code y = LN(dropout(y + bias) + residual)}, in place, and its backward up to y. */
final class AddAndNormalize implements Stage {
  private final Pass pass;
  private final int layer;
  private final int d;
  private final double eps;
  private final Sites sites;
  private final Floats y;
  private final float[] bias;
  private final Floats residual;
  private final LayerWeights.Norm norm;
  private final Floats normalized;
  private final float[] rstd;
  private final SiteHook atOutput;
  private final SiteHook atResidual;
  private final SiteHook atSum;
  private final SiteHook atNorm;

  /** Sites and dropout of one of the two blocks of a layer. */
  enum Sites {
    ATTENTION(
        1, Kind.ATTENTION_OUTPUT, Kind.ATTENTION_RESIDUAL, Kind.ATTENTION_SUM, Kind.ATTENTION_NORM),
    FFN(2, Kind.FFN_OUTPUT, Kind.FFN_RESIDUAL, Kind.FFN_SUM, Kind.LAYER_OUTPUT);

    private final int drop;
    private final Kind output;
    private final Kind residual;
    private final Kind sum;
    private final Kind norm;

    Sites(int drop, Kind output, Kind residual, Kind sum, Kind norm) {
      this.drop = drop;
      this.output = output;
      this.residual = residual;
      this.sum = sum;
      this.norm = norm;
    }
  }

  /**
   * @param y the block's product, [tokens, d]
   * @param residual [tokens, d]
   * @param normalized out: kept for the backward, if there is one, [tokens, d]
   * @param rstd out: [tokens]
   */
  AddAndNormalize(
      Pass pass,
      int layer,
      int d,
      double eps,
      Sites sites,
      Floats y,
      float[] bias,
      Floats residual,
      LayerWeights.Norm norm,
      Floats normalized,
      float[] rstd) {
    this.pass = pass;
    this.layer = layer;
    this.d = d;
    this.eps = eps;
    this.sites = sites;
    this.y = y;
    this.bias = bias;
    this.residual = residual;
    this.norm = norm;
    this.normalized = normalized;
    this.rstd = rstd;
    this.atOutput = pass.hooks().at(layer, sites.output);
    this.atResidual = pass.hooks().at(layer, sites.residual);
    this.atSum = pass.hooks().at(layer, sites.sum);
    this.atNorm = pass.hooks().at(layer, sites.norm);
  }

  @Override
  public void run(int shard, int part, int worker) {
    final Scratch scratch = pass.scratch()[worker];
    pass.rows(shard, part, d, (row, rows) -> forward(row, rows, scratch));
  }

  private void forward(int row, int rows, Scratch scratch) {
    final int n = rows * d;
    final float[] tile = scratch.tile(0, n);
    final float[] other = scratch.tile(1, n);
    y.read(row * d, tile, 0, n);
    pass.kernels().addBias(tile, rows, d, bias, 0);
    if (atOutput != null) {
      atOutput.forward(tile, rows, d, row);
    }
    final Pass.Dropout dropout = pass.dropout();
    if (dropout.active()) {
      pass.kernels().dropout(tile, n, dropout.at(layer, sites.drop), row * d, dropout.rate());
    }
    residual.read(row * d, other, 0, n);
    if (atResidual != null) {
      atResidual.forward(other, rows, d, row);
    }
    pass.kernels().add(tile, other, n);
    if (atSum != null) {
      atSum.forward(tile, rows, d, row);
    }
    pass.kernels().layerNorm(tile, rows, d, norm.gamma, norm.beta, eps, other, rstd, row);
    if (pass.keep()) {
      normalized.write(row * d, other, 0, n);
    }
    if (atNorm != null) {
      atNorm.forward(tile, rows, d, row);
    }
    y.write(row * d, tile, 0, n);
  }

  /** Partial sums of the gradients of the LayerNorm's and the bias's vectors. */
  record Sums(Partials gamma, Partials beta, Partials bias) {
    static Sums of(int pieces, int d) {
      return new Sums(new Partials(pieces, d), new Partials(pieces, d), new Partials(pieces, d));
    }
  }

  /**
   * The backward: from the gradient of the result to that of the product and of the residual.
   *
   * @param stream in: gradient of the result; out: of the residual
   * @param block out: gradient of the product before bias and dropout
   */
  Stage backward(Floats stream, Floats block, Sums sums) {
    return (shard, part, worker) -> {
      final Scratch scratch = pass.scratch()[worker];
      final int piece = pass.shards().piece(shard, part);
      pass.rows(
          shard, part, d, (row, rows) -> backward(row, rows, scratch, piece, stream, block, sums));
    };
  }

  private void backward(
      int row, int rows, Scratch scratch, int piece, Floats stream, Floats block, Sums sums) {
    final int n = rows * d;
    final float[] tile = scratch.tile(0, n);
    final float[] other = scratch.tile(1, n);
    stream.read(row * d, tile, 0, n);
    if (atNorm != null) {
      atNorm.backward(tile, rows, d, row, piece, scratch);
    }
    normalized.read(row * d, other, 0, n);
    pass.kernels()
        .layerNormBackward(
            tile,
            rows,
            d,
            other,
            rstd,
            row,
            norm.gamma,
            sums.gamma().of(piece),
            sums.beta().of(piece));
    if (atSum != null) {
      atSum.backward(tile, rows, d, row, piece, scratch);
    }
    stream.write(row * d, tile, 0, n);
    if (atResidual != null) {
      System.arraycopy(tile, 0, other, 0, n);
      atResidual.backward(other, rows, d, row, piece, scratch);
      stream.write(row * d, other, 0, n);
    }
    final Pass.Dropout dropout = pass.dropout();
    if (dropout.active()) {
      pass.kernels().dropout(tile, n, dropout.at(layer, sites.drop), row * d, dropout.rate());
    }
    if (atOutput != null) {
      atOutput.backward(tile, rows, d, row, piece, scratch);
    }
    pass.kernels().addColumnSums(tile, rows, d, sums.bias().of(piece), 0);
    block.write(row * d, tile, 0, n);
  }
}
