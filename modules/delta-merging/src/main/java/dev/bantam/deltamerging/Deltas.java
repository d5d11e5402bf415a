package dev.bantam.deltamerging;

import java.util.Arrays;

/**
 * The family of task arithmetic: {@code theta_0 + lambda * mix of the deltas}, with or without an
 * election of signs (Ilharco et al. 2023; Yadav et al. 2023, section 3).
 *
 * <p>Sums over the models are taken in {@code double} over products rounded to the precision, so
 * the order of the models matters only where {@code double} rounds.
 */
final class Deltas {
  /** Elements of a block: its sums stay in the first-level cache. */
  private static final int BLOCK = 1024;

  private static final int ONE = Float.floatToRawIntBits(1f);

  private Deltas() {}

  /**
   * {@code model[i] = model[i] - base[i]}.
   *
   * @param model in and out
   */
  static void subtract(float[] model, float[] base, Precision precision) {
    subtract(model, base, 0, model.length, precision);
  }

  /** {@link #subtract(float[], float[], Precision)} for {@code n} elements. */
  static void subtract(float[] model, float[] base, int from, int n, Precision precision) {
    for (int i = from; i < from + n; i++) {
      model[i] = precision.round(model[i] - base[i]);
    }
  }

  /** {@code delta[i] = base[i] + delta[i]}: a model again. */
  static void add(float[] delta, float[] base, Precision precision) {
    for (int i = 0; i < delta.length; i++) {
      delta[i] = precision.round(base[i] + delta[i]);
    }
  }

  /**
   * How deltas are mixed.
   *
   * @param weights one per delta, already of the precision
   * @param scales what each delta is multiplied with before: its rescaling after elements were
   *     dropped
   * @param normalize whether the mix is divided by the weights' sum
   * @param lambda factor of the mix
   */
  @SuppressWarnings("ArrayRecordComponent") // handed through, compared nowhere
  record Mix(
      float[] weights, float[] scales, boolean normalize, float lambda, Precision precision) {

    /**
     * Whether the sums of {@code double} can be taken in float: two floats added in {@code double}
     * and then rounded are two floats added.
     */
    private boolean isPairOfFloats() {
      return weights.length == 2 && precision == Precision.FLOAT32;
    }

    /** The weights' sum, 1 if not normalized or below 1e-8. */
    private float divisor() {
      double total = 0;
      for (float w : weights) {
        total += w;
      }
      final float divisor = precision.round((float) total);
      return !normalize || Math.abs(divisor) < 1e-8f ? 1 : divisor;
    }

    /** {@code w_t delta}, rescaled first. */
    private float weighted(int t, float delta) {
      return precision.round(weights[t] * precision.round(scales[t] * delta));
    }
  }

  /**
   * {@code base += lambda * sum_t w_t delta_t}, divided by {@code sum_t w_t} if normalized; a
   * divisor below 1e-8 counts as 1.
   *
   * @param base in: theta_0; out: the merged tensor
   */
  static void sum(float[] base, float[][] deltas, Mix mix) {
    final float divisor = mix.divisor();
    if (mix.isPairOfFloats()) {
      sumOfTwo(base, deltas, mix, divisor);
      return;
    }
    final Precision precision = mix.precision();
    final double[] sums = new double[BLOCK];
    for (int from = 0; from < base.length; from += BLOCK) {
      final int n = Math.min(BLOCK, base.length - from);
      weighted(deltas, from, n, sums, mix);
      for (int i = 0; i < n; i++) {
        final float mean = precision.round(precision.round((float) sums[i]) / divisor);
        base[from + i] = precision.round(base[from + i] + precision.round(mix.lambda() * mean));
      }
    }
  }

  private static void sumOfTwo(float[] base, float[][] deltas, Mix mix, float divisor) {
    final float[] one = deltas[0];
    final float[] other = deltas[1];
    final float ofOne = mix.weights()[0];
    final float ofOther = mix.weights()[1];
    final float scaleOfOne = mix.scales()[0];
    final float scaleOfOther = mix.scales()[1];
    final float lambda = mix.lambda();
    for (int i = 0; i < base.length; i++) {
      final float a = ofOne * (scaleOfOne * one[i]);
      final float b = ofOther * (scaleOfOther * other[i]);
      base[i] += lambda * ((a + b) / divisor);
    }
  }

  /** {@code sums[i] = sum_t round(w_t delta_t[from + i])}. */
  private static void weighted(float[][] deltas, int from, int n, double[] sums, Mix mix) {
    for (int t = 0; t < deltas.length; t++) {
      final float[] delta = deltas[t];
      for (int i = 0; i < n; i++) {
        final float v = mix.weighted(t, delta[from + i]);
        sums[i] = t == 0 ? v : sums[i] + v;
      }
    }
  }

  /**
   * As {@link #sum}, of the entries alone that agree with the elected sign: plus where {@code sum_t
   * w_t delta_t >= 0}, else minus. A zero never agrees. Normalized, the divisor is the sum of the
   * agreeing weights, and 1 where that is 0.
   *
   * @param base in: theta_0; out: the merged tensor
   */
  static void elect(float[] base, float[][] deltas, Mix mix) {
    if (mix.isPairOfFloats()) {
      electOfTwo(base, deltas, mix);
      return;
    }
    final Precision precision = mix.precision();
    final double[] mass = new double[BLOCK];
    final float[] sign = new float[BLOCK];
    final float[] agreed = new float[BLOCK];
    final double[] sums = new double[BLOCK];
    final double[] divisor = new double[BLOCK];
    for (int from = 0; from < base.length; from += BLOCK) {
      final int n = Math.min(BLOCK, base.length - from);
      weighted(deltas, from, n, mass, mix);
      for (int i = 0; i < n; i++) {
        // the sign bit; a mass of -0 has no entries that could agree
        final int minus = (int) (Double.doubleToRawLongBits(mass[i]) >>> 32) & 0x80000000;
        sign[i] = Float.intBitsToFloat(ONE | minus);
      }
      Arrays.fill(sums, 0, n, 0);
      Arrays.fill(divisor, 0, n, 0);
      for (int t = 0; t < deltas.length; t++) {
        agreeing(deltas[t], t, from, n, sign, agreed, mix);
        add(agreed, n, sums);
        if (mix.normalize()) {
          addWeight(agreed, mix.weights()[t], n, divisor);
        }
      }
      for (int i = 0; i < n; i++) {
        float mean = precision.round(sign[i] * (float) sums[i]);
        final float by = precision.round((float) divisor[i]);
        mean = by == 0 ? mean : precision.round(mean / by);
        base[from + i] = precision.round(base[from + i] + precision.round(mix.lambda() * mean));
      }
    }
  }

  /** {@link #elect} of two deltas, in one pass and without branches. */
  private static void electOfTwo(float[] base, float[][] deltas, Mix mix) {
    final float[] one = deltas[0];
    final float[] other = deltas[1];
    final float ofOne = mix.weights()[0];
    final float ofOther = mix.weights()[1];
    final float scaleOfOne = mix.scales()[0];
    final float scaleOfOther = mix.scales()[1];
    final float lambda = mix.lambda();
    final int shareOfOne = mix.normalize() ? Float.floatToRawIntBits(ofOne) : 0;
    final int shareOfOther = mix.normalize() ? Float.floatToRawIntBits(ofOther) : 0;
    for (int i = 0; i < base.length; i++) {
      final float a = ofOne * (scaleOfOne * one[i]);
      final float b = ofOther * (scaleOfOther * other[i]);
      final int minus = Float.floatToRawIntBits(a + b) & Integer.MIN_VALUE;
      // times the elected sign, and 0 where that is negative
      final int turnedA = Float.floatToRawIntBits(a) ^ minus;
      final int turnedB = Float.floatToRawIntBits(b) ^ minus;
      final int agreedA = turnedA & ~(turnedA >> 31);
      final int agreedB = turnedB & ~(turnedB >> 31);
      final float sum = Float.intBitsToFloat(agreedA) + Float.intBitsToFloat(agreedB);
      final float by =
          Float.intBitsToFloat((-agreedA >> 31) & shareOfOne)
              + Float.intBitsToFloat((-agreedB >> 31) & shareOfOther);
      final float mean = Float.intBitsToFloat(Float.floatToRawIntBits(sum) ^ minus);
      // 1 in place of 0, without a branch, which would go wrong for every fourth element
      final int divisor = Float.floatToRawIntBits(by);
      final int instead = ONE & ~((divisor | -divisor) >> 31);
      base[i] += lambda * (mean / Float.intBitsToFloat(divisor | instead));
    }
  }

  /**
   * {@code agreed = s w delta} where that is positive, else 0. Without branches, since signs are as
   * good as random, and in float alone, which runs in vectors.
   *
   * @param sign s, 1 or -1
   */
  private static void agreeing(
      float[] delta, int t, int from, int n, float[] sign, float[] agreed, Mix mix) {
    if (mix.precision() == Precision.FLOAT32) {
      final float w = mix.weights()[t];
      final float scale = mix.scales()[t];
      for (int i = 0; i < n; i++) {
        final float v = sign[i] * (w * (scale * delta[from + i]));
        agreed[i] = 0.5f * (v + Math.abs(v)); // max(0, v), exactly
      }
    } else {
      for (int i = 0; i < n; i++) {
        agreed[i] = Math.max(0f, sign[i] * mix.weighted(t, delta[from + i]));
      }
    }
  }

  private static void add(float[] values, int n, double[] sums) {
    for (int i = 0; i < n; i++) {
      sums[i] += values[i];
    }
  }

  /** Adds w where a value, which is not negative, is not zero. */
  private static void addWeight(float[] values, float w, int n, double[] sums) {
    for (int i = 0; i < n; i++) {
      sums[i] += w * (double) (-Float.floatToRawIntBits(values[i]) >>> 31);
    }
  }

  /**
   * {@code first = sum_t w_t theta_t}, divided by {@code sum_t w_t} if normalized; sums in double,
   * one rounding.
   *
   * @param models the first receives the result
   */
  static void linear(float[][] models, float[] weights, boolean normalize, Precision precision) {
    double total = 0;
    for (float w : weights) {
      total += w;
    }
    final double scale = normalize ? 1 / total : 1;
    final double[] sums = new double[BLOCK];
    final float[] out = models[0];
    for (int from = 0; from < out.length; from += BLOCK) {
      final int n = Math.min(BLOCK, out.length - from);
      for (int t = 0; t < models.length; t++) {
        final float[] model = models[t];
        final double w = weights[t];
        for (int i = 0; i < n; i++) {
          final double v = w * model[from + i];
          sums[i] = t == 0 ? v : sums[i] + v;
        }
      }
      for (int i = 0; i < n; i++) {
        out[from + i] = precision.round((float) (sums[i] * scale));
      }
    }
  }

  /** {@code values[i] *= factor}. */
  static void scale(float[] values, float factor, Precision precision) {
    for (int i = 0; i < values.length; i++) {
      values[i] = precision.round(values[i] * factor);
    }
  }
}
