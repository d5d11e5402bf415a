package dev.bantam.model;

import dev.bantam.model.LayerWeights.Linear;
import dev.bantam.tensor.Blas.Matrix;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.List;

/**
 * The backward of a linear layer's weight and of the operator's own parameters. Own gradients come
 * from the pieces of the input's backward first, then from those of the weight's.
 */
final class WeightGradients {
  /** Rows of a weight's gradient computed by one piece of work. */
  private static final int ROWS = 192;

  private final Pass pass;
  private final GradientStore gradients;

  WeightGradients(Pass pass, GradientStore gradients) {
    this.pass = pass;
    this.gradients = gradients;
  }

  /**
   * A weight gradient to compute: {@code dW = dY[:, column..]^T X}.
   *
   * @param x what the operator got in the forward, [tokens, inputs]
   * @param dy gradient of its output, rows at a distance of {@code stride}
   */
  record Product(
      Linear linear, OwnGradients own, Floats x, Floats dy, int stride, int column, int rows) {}

  /** Memory for the own gradients of one operator. */
  OwnGradients own(Linear linear) {
    return new OwnGradients(
        linear.name(),
        linear.operator().ownParameters(),
        pass.shards().pieces() + (linear.outputs() + ROWS - 1) / ROWS);
  }

  /** Computes and sends the gradients that are wanted. */
  void run(List<Product> products) {
    record Piece(Product product, Floats gradient, int from, int to, int number) {}
    final List<Piece> pieces = new ArrayList<>();
    for (Product product : products) {
      final String name = product.linear().name();
      if (!gradients.wants(name) && !product.own().wanted(gradients)) {
        continue;
      }
      final Floats gradient = gradients.matrix(name);
      final int outputs = product.linear().outputs();
      for (int from = 0; from < outputs; from += ROWS) {
        pieces.add(
            new Piece(
                product,
                gradient,
                from,
                Math.min(outputs, from + ROWS),
                pass.shards().pieces() + from / ROWS));
      }
    }
    pass.workers()
        .run(
            pieces.size(),
            (i, worker) -> {
              final Piece piece = pieces.get(i);
              final Product product = piece.product();
              product
                  .linear()
                  .operator()
                  .backwardWeight(
                      new Matrix(product.x(), 0, product.linear().inputs()),
                      new Matrix(product.dy(), product.column(), product.stride()),
                      product.rows(),
                      piece.gradient(),
                      piece.from(),
                      piece.to(),
                      product.own().of(piece.number()));
            });
    for (Product product : products) {
      gradients.done(product.linear().name());
      product.own().send(gradients);
    }
  }
}
