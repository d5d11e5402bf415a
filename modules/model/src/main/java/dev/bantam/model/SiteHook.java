package dev.bantam.model;

import dev.bantam.tensor.Floats;

/** What one pass does at one site: keep the values, transform them, add gradients of loss terms. */
final class SiteHook {
  private static final int SCRATCH_TILE = 4;

  final Site site;
  final SiteValue value;
  private final ActivationTransform transform;
  private final Floats kept;
  private final OwnGradients own;
  private Floats extra;

  /**
   * @param transform what changes the values, or null
   * @param kept memory for the site's input, or null if nobody will ask for it
   */
  SiteHook(SiteValue value, ActivationTransform transform, Floats kept, int pieces) {
    this.site = value.site();
    this.value = value;
    this.transform = transform;
    this.kept = kept;
    this.own =
        transform == null
            ? null
            : new OwnGradients(site.toString(), transform.parameters(), pieces);
  }

  /** Gradient of the loss terms with respect to the site's input, laid out like its values. */
  void addGradient(Floats gradient) {
    this.extra = gradient;
  }

  /**
   * Keeps and transforms some rows.
   *
   * @param at position of the first element in the site's values
   */
  void forward(Tile tile, int at) {
    if (kept != null) {
      kept.write(at, tile.values(), 0, tile.length());
    }
    if (transform != null) {
      transform.forward(tile);
    }
  }

  /** As {@link #forward(Tile, int)} for whole rows that start at row {@code row}. */
  void forward(float[] values, int rows, int columns, int row) {
    forward(new Tile(values, rows, columns, -1, -1, row), row * columns);
  }

  /**
   * Turns the gradient of the site's output into that of its input.
   *
   * @param tile in: gradient of the output; out: of the input
   */
  void backward(Tile tile, int at, int piece, Scratch scratch) {
    final float[] other = scratch.tile(SCRATCH_TILE, tile.length());
    if (transform != null) {
      kept.read(at, other, 0, tile.length());
      transform.backward(tile.with(other), tile.values(), own.of(piece));
    }
    if (extra != null) {
      extra.read(at, other, 0, tile.length());
      for (int i = 0; i < tile.length(); i++) {
        tile.values()[i] += other[i];
      }
    }
  }

  /** As {@link #backward(Tile, int, int, Scratch)} for whole rows that start at {@code row}. */
  void backward(float[] gradient, int rows, int columns, int row, int piece, Scratch scratch) {
    backward(new Tile(gradient, rows, columns, -1, -1, row), row * columns, piece, scratch);
  }

  /** Sends the gradients of the transform's parameters. */
  void send(GradientStore gradients) {
    if (own != null) {
      own.send(gradients);
    }
  }

  boolean wanted(GradientStore gradients) {
    return own != null && own.wanted(gradients);
  }
}
