package dev.bantam.tensor.vector;

import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Polynomials;
import dev.bantam.tensor.ScalarKernels;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link Kernels} on the Vector API, bit-equal to {@link ScalarKernels}.
 *
 * <p>Uses no {@code lanewise(EXP)} and no {@code reduceLanes(ADD)}: the first changes its bits when
 * the compiler warms up, the second promises no order. Rest elements of a row go through the scalar
 * forms.
 */
public final class VectorKernels implements Kernels {
  static final VectorSpecies<Float> F =
      FloatVector.SPECIES_PREFERRED.length() >= LANES
          ? FloatVector.SPECIES_512
          : FloatVector.SPECIES_256;
  private static final VectorSpecies<Integer> I =
      F == FloatVector.SPECIES_512 ? IntVector.SPECIES_512 : IntVector.SPECIES_256;
  private static final int L = F.length();
  static final boolean WIDE = L == LANES;

  private VectorKernels() {}

  /** The kernels, or null on hardware with vectors narrower than 256 bits. */
  public static Kernels create() {
    if (FloatVector.SPECIES_PREFERRED.length() < 8) {
      return null;
    }
    final VectorKernels kernels = new VectorKernels();
    WarmUp.start(kernels);
    return kernels;
  }

  @Override
  public String name() {
    return "vector " + F.vectorBitSize() + " bit";
  }

  @Override
  public void addBias(float[] tile, int rows, int columns, float[] bias, int biasFrom) {
    final int whole = F.loopBound(columns);
    for (int r = 0; r < rows; r++) {
      final int from = r * columns;
      for (int c = 0; c < whole; c += L) {
        FloatVector.fromArray(F, tile, from + c)
            .add(FloatVector.fromArray(F, bias, biasFrom + c))
            .intoArray(tile, from + c);
      }
      for (int c = whole; c < columns; c++) {
        tile[from + c] += bias[biasFrom + c];
      }
    }
  }

  @Override
  public void addColumnSums(float[] tile, int rows, int columns, float[] sum, int sumFrom) {
    final int whole = F.loopBound(columns);
    for (int c = 0; c < whole; c += L) {
      FloatVector acc = FloatVector.fromArray(F, sum, sumFrom + c);
      for (int r = 0; r < rows; r++) {
        acc = acc.add(FloatVector.fromArray(F, tile, r * columns + c));
      }
      acc.intoArray(sum, sumFrom + c);
    }
    for (int c = whole; c < columns; c++) {
      for (int r = 0; r < rows; r++) {
        sum[sumFrom + c] += tile[r * columns + c];
      }
    }
  }

  @Override
  public void add(float[] x, float[] y, int n) {
    final int whole = F.loopBound(n);
    for (int i = 0; i < whole; i += L) {
      FloatVector.fromArray(F, x, i).add(FloatVector.fromArray(F, y, i)).intoArray(x, i);
    }
    for (int i = whole; i < n; i++) {
      x[i] += y[i];
    }
  }

  @Override
  public void activate(Activation activation, float[] x, int n) {
    final int whole = F.loopBound(n);
    ActivationKernels.forward(activation, x, whole);
    for (int i = whole; i < n; i++) {
      x[i] =
          switch (activation) {
            case GELU_ERF -> Polynomials.gelu(x[i]);
            case GELU_TANH -> Polynomials.geluTanh(x[i]);
            case RELU -> Math.max(x[i], 0f);
          };
    }
  }

  @Override
  public void activateBackward(Activation activation, float[] x, float[] dy, int n) {
    final int whole = F.loopBound(n);
    ActivationKernels.backward(activation, x, dy, whole);
    for (int i = whole; i < n; i++) {
      dy[i] =
          switch (activation) {
            case GELU_ERF -> dy[i] * Polynomials.geluDerivative(x[i]);
            case GELU_TANH -> dy[i] * Polynomials.geluTanhDerivative(x[i]);
            case RELU -> x[i] > 0f ? dy[i] : 0f;
          };
    }
  }

  @Override
  public void layerNorm(
      float[] x,
      int rows,
      int columns,
      float[] gamma,
      float[] beta,
      double eps,
      float[] normalized,
      float[] rstd,
      int rstdFrom) {
    final float[] lanes = new float[LANES];
    final int whole = F.loopBound(columns);
    for (int r = 0; r < rows; r++) {
      final int from = r * columns;
      final float mean = rowSum(x, from, columns, lanes) / columns;
      final float squares = rowSquares(x, from, columns, mean, lanes);
      final float inverse = ScalarKernels.inverseDeviation(squares, columns, eps);
      rstd[rstdFrom + r] = inverse;
      for (int c = 0; c < whole; c += L) {
        final FloatVector n = FloatVector.fromArray(F, x, from + c).sub(mean).mul(inverse);
        n.intoArray(normalized, from + c);
        n.fma(FloatVector.fromArray(F, gamma, c), FloatVector.fromArray(F, beta, c))
            .intoArray(x, from + c);
      }
      for (int c = whole; c < columns; c++) {
        final float n = (x[from + c] - mean) * inverse;
        normalized[from + c] = n;
        x[from + c] = Math.fma(n, gamma[c], beta[c]);
      }
    }
  }

  private static float rowSum(float[] x, int from, int n, float[] lanes) {
    final int whole = n - n % LANES;
    FloatVector low = FloatVector.zero(F);
    FloatVector high = FloatVector.zero(F);
    for (int c = 0; c < whole; c += LANES) {
      low = low.add(FloatVector.fromArray(F, x, from + c));
      if (!WIDE) {
        high = high.add(FloatVector.fromArray(F, x, from + c + L));
      }
    }
    store(low, high, lanes);
    for (int c = whole; c < n; c++) {
      lanes[c - whole] += x[from + c];
    }
    return ScalarKernels.sum(lanes);
  }

  private static float rowSquares(float[] x, int from, int n, float mean, float[] lanes) {
    final int whole = n - n % LANES;
    FloatVector low = FloatVector.zero(F);
    FloatVector high = FloatVector.zero(F);
    for (int c = 0; c < whole; c += LANES) {
      final FloatVector d = FloatVector.fromArray(F, x, from + c).sub(mean);
      low = d.fma(d, low);
      if (!WIDE) {
        final FloatVector e = FloatVector.fromArray(F, x, from + c + L).sub(mean);
        high = e.fma(e, high);
      }
    }
    store(low, high, lanes);
    for (int c = whole; c < n; c++) {
      final float d = x[from + c] - mean;
      lanes[c - whole] = Math.fma(d, d, lanes[c - whole]);
    }
    return ScalarKernels.sum(lanes);
  }

  private static float dot(float[] x, int xFrom, float[] y, int yFrom, int n, float[] lanes) {
    final int whole = n - n % LANES;
    FloatVector low = FloatVector.zero(F);
    FloatVector high = FloatVector.zero(F);
    for (int c = 0; c < whole; c += LANES) {
      low = FloatVector.fromArray(F, x, xFrom + c).fma(FloatVector.fromArray(F, y, yFrom + c), low);
      if (!WIDE) {
        high =
            FloatVector.fromArray(F, x, xFrom + c + L)
                .fma(FloatVector.fromArray(F, y, yFrom + c + L), high);
      }
    }
    store(low, high, lanes);
    for (int c = whole; c < n; c++) {
      lanes[c - whole] = Math.fma(x[xFrom + c], y[yFrom + c], lanes[c - whole]);
    }
    return ScalarKernels.sum(lanes);
  }

  private static void store(FloatVector low, FloatVector high, float[] lanes) {
    low.intoArray(lanes, 0);
    if (!WIDE) {
      high.intoArray(lanes, L);
    }
  }

  @Override
  public void layerNormBackward(
      float[] dy,
      int rows,
      int columns,
      float[] normalized,
      float[] rstd,
      int rstdFrom,
      float[] gamma,
      float[] dGamma,
      float[] dBeta) {
    final float[] lanes = new float[LANES];
    final int whole = F.loopBound(columns);
    for (int r = 0; r < rows; r++) {
      final int from = r * columns;
      for (int c = 0; c < whole; c += L) {
        final FloatVector d = FloatVector.fromArray(F, dy, from + c);
        d.fma(FloatVector.fromArray(F, normalized, from + c), FloatVector.fromArray(F, dGamma, c))
            .intoArray(dGamma, c);
        FloatVector.fromArray(F, dBeta, c).add(d).intoArray(dBeta, c);
        d.mul(FloatVector.fromArray(F, gamma, c)).intoArray(dy, from + c);
      }
      for (int c = whole; c < columns; c++) {
        final float d = dy[from + c];
        dGamma[c] = Math.fma(d, normalized[from + c], dGamma[c]);
        dBeta[c] += d;
        dy[from + c] = d * gamma[c];
      }
      final float meanG = rowSum(dy, from, columns, lanes) / columns;
      final float meanGn = dot(dy, from, normalized, from, columns, lanes) / columns;
      final float inverse = rstd[rstdFrom + r];
      for (int c = 0; c < whole; c += L) {
        FloatVector.fromArray(F, normalized, from + c)
            .neg()
            .fma(
                FloatVector.broadcast(F, meanGn), FloatVector.fromArray(F, dy, from + c).sub(meanG))
            .mul(inverse)
            .intoArray(dy, from + c);
      }
      for (int c = whole; c < columns; c++) {
        dy[from + c] = inverse * Math.fma(-normalized[from + c], meanGn, dy[from + c] - meanG);
      }
    }
  }

  @Override
  public void softmax(float[] s, int from, int n, float scale, float[] mask) {
    final int whole = F.loopBound(n);
    FloatVector peaks = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < whole; i += L) {
      FloatVector v = FloatVector.fromArray(F, s, from + i);
      v =
          mask == null
              ? v.mul(scale)
              : v.fma(FloatVector.broadcast(F, scale), FloatVector.fromArray(F, mask, i));
      v.intoArray(s, from + i);
      peaks = peaks.max(v);
    }
    float peak = peaks.reduceLanes(VectorOperators.MAX); // order does not matter for a maximum
    for (int i = whole; i < n; i++) {
      final float v = mask == null ? s[from + i] * scale : Math.fma(s[from + i], scale, mask[i]);
      s[from + i] = v;
      peak = Math.max(peak, v);
    }
    for (int i = 0; i < whole; i += L) {
      FloatVector.fromArray(F, s, from + i).sub(peak).intoArray(s, from + i);
    }
    ActivationKernels.exp(s, from, whole);
    for (int i = whole; i < n; i++) {
      s[from + i] = Polynomials.exp(s[from + i] - peak);
    }
    final float inverse = 1f / rowSum(s, from, n, new float[LANES]);
    for (int i = 0; i < whole; i += L) {
      FloatVector.fromArray(F, s, from + i).mul(inverse).intoArray(s, from + i);
    }
    for (int i = whole; i < n; i++) {
      s[from + i] *= inverse;
    }
  }

  @Override
  public void softmaxBackward(float[] p, float[] dp, int from, int n, float scale) {
    final int whole = F.loopBound(n);
    final float inner = dot(p, from, dp, from, n, new float[LANES]);
    for (int i = 0; i < whole; i += L) {
      FloatVector.fromArray(F, p, from + i)
          .mul(FloatVector.fromArray(F, dp, from + i).sub(inner))
          .mul(scale)
          .intoArray(dp, from + i);
    }
    for (int i = whole; i < n; i++) {
      dp[from + i] = p[from + i] * (dp[from + i] - inner) * scale;
    }
  }

  @Override
  public void dropout(float[] x, int n, int seed, int position, float rate) {
    final int threshold = ScalarKernels.threshold(rate);
    final float scale = 1f / (1f - rate);
    final IntVector step =
        IntVector.zero(I).addIndex(1).mul(ScalarKernels.STEP); // lane number times STEP
    final int whole = F.loopBound(n);
    for (int i = 0; i < whole; i += L) {
      IntVector h = step.add((position + i) * ScalarKernels.STEP + seed);
      h =
          h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 16))
              .mul(ScalarKernels.MIX_1);
      h =
          h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 15))
              .mul(ScalarKernels.MIX_2);
      h = h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 16));
      final VectorMask<Float> dropped = h.lt(threshold).cast(F);
      FloatVector.fromArray(F, x, i).mul(scale).blend(0f, dropped).intoArray(x, i);
    }
    for (int i = whole; i < n; i++) {
      x[i] = ScalarKernels.mix(seed, position + i) < threshold ? 0f : x[i] * scale;
    }
  }

  @Override
  public void addOuterProducts(double[] p, int count, int n, double[] tiles) {
    OuterKernels.add(p, count, n, tiles);
  }

  @Override
  public void adamW(float[] w, float[] gradient, float[] m, float[] v, int n, AdamStep step) {
    final float scalarBeta1 = (float) step.beta1();
    final float scalarBeta2 = (float) step.beta2();
    final float keep1 = (float) (1 - step.beta1());
    final float keep2 = (float) (1 - step.beta2());
    final float shrink = 1f - step.decay();
    final FloatVector beta1 = FloatVector.broadcast(F, scalarBeta1);
    final FloatVector beta2 = FloatVector.broadcast(F, scalarBeta2);
    final int whole = F.loopBound(n);
    for (int i = 0; i < whole; i += L) {
      final FloatVector g = FloatVector.fromArray(F, gradient, i).mul(step.gradientScale());
      final FloatVector mi = beta1.fma(FloatVector.fromArray(F, m, i), g.mul(keep1));
      final FloatVector vi = beta2.fma(FloatVector.fromArray(F, v, i), g.mul(keep2).mul(g));
      mi.intoArray(m, i);
      vi.intoArray(v, i);
      final FloatVector root =
          vi.lanewise(VectorOperators.SQRT).div(step.sqrtCorrection()).add(step.eps());
      FloatVector.fromArray(F, w, i)
          .mul(shrink)
          .sub(mi.div(root).mul(step.stepSize()))
          .intoArray(w, i);
    }
    for (int i = whole; i < n; i++) {
      final float g = gradient[i] * step.gradientScale();
      final float mi = Math.fma(scalarBeta1, m[i], keep1 * g);
      final float vi = Math.fma(scalarBeta2, v[i], keep2 * g * g);
      m[i] = mi;
      v[i] = vi;
      final float root = (float) Math.sqrt(vi) / step.sqrtCorrection() + step.eps();
      w[i] = w[i] * shrink - step.stepSize() * (mi / root);
    }
  }

  @Override
  public int panelColumns() {
    return TileKernels.NR;
  }

  @Override
  public int[] tileHeights() {
    return TileKernels.heights();
  }

  @Override
  public void multiply(
      float[] a,
      int aFrom,
      int height,
      float[] b,
      int bFrom,
      int inner,
      float[] c,
      int cFrom,
      int stride) {
    TileKernels.multiply(a, aFrom, height, b, bFrom, inner, c, cFrom, stride);
  }

  @Override
  public void countCommonBits(
      long[] a,
      int aFrom,
      int rows,
      int words,
      long[] b,
      int bFrom,
      int[] c,
      int cFrom,
      int stride) {
    if (BitKernels.AVAILABLE) {
      BitKernels.commonBits(a, aFrom, rows, words, b, bFrom, c, cFrom, stride);
    } else {
      ScalarKernels.commonBits(a, aFrom, rows, words, b, bFrom, c, cFrom, stride);
    }
  }
}
