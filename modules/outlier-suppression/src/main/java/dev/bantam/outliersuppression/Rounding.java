package dev.bantam.outliersuppression;

import dev.bantam.model.ActivationTransform;
import dev.bantam.model.Tile;

/**
 * Rounds an activation to the values of integer codes. Gradients pass straight through where the
 * rounded value is a code, and not where it was cut.
 */
sealed interface Rounding extends ActivationTransform {
  /** One fixed range for all values. */
  String TENSOR = "tensor";

  /** A range for each row, from its own values. */
  String TOKEN = "token";

  /** A fixed range for each group of channels. */
  String GROUPS = "groups";

  /** Which integers. */
  Codes codes();

  /** Width of a code. */
  int bits();

  /** What shares a range, by its word in files. */
  String granularity();

  /** One range, known beforehand. */
  record Fixed(Codes codes, int bits, Quantizer quantizer) implements Rounding {
    @Override
    public String granularity() {
      return TENSOR;
    }

    @Override
    public void forward(Tile tile) {
      quantizer.round(tile.values(), 0, tile.length());
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
      for (int i = 0; i < input.length(); i++) {
        gradient[i] = quantizer.inside(input.values()[i]) ? gradient[i] : 0f;
      }
    }
  }

  /** Each row by its smallest and largest value; nothing is ever cut. */
  record PerToken(Codes codes, int bits) implements Rounding {
    @Override
    public String granularity() {
      return TOKEN;
    }

    @Override
    public void forward(Tile tile) {
      FakeQuantization.runs(tile.values(), tile.length(), tile.columns(), codes, bits);
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
      // straight through
    }
  }

  /**
   * Channels in groups with a range each (Bondarenko et al. 2021, per-embedding-group
   * quantization).
   *
   * @param quantizers of the groups
   * @param group of each channel
   */
  @SuppressWarnings("ArrayRecordComponent") // made once, read in loops
  record Groups(Codes codes, int bits, Quantizer[] quantizers, int[] group) implements Rounding {
    @Override
    public String granularity() {
      return GROUPS;
    }

    @Override
    public void forward(Tile tile) {
      final float[] x = tile.values();
      for (int row = 0; row < tile.length(); row += group.length) {
        for (int j = 0; j < group.length; j++) {
          x[row + j] = quantizers[group[j]].round(x[row + j]);
        }
      }
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
      for (int i = 0; i < input.length(); i++) {
        final Quantizer quantizer = quantizers[group[i % group.length]];
        gradient[i] = quantizer.inside(input.values()[i]) ? gradient[i] : 0f;
      }
    }
  }
}
