package dev.bantam.tensor;

/** The definition of every kernel in plain Java; used where the Vector API is missing. */
public final class ScalarKernels implements Kernels {
  /** Odd constants of a 32-bit finaliser; any avalanche-quality mixer would do. */
  public static final int MIX_1 = 0x7feb352d;

  public static final int MIX_2 = 0x846ca68b;
  public static final int STEP = 0x9e3779b9;

  private static final int PANEL = 128;

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public void addBias(float[] tile, int rows, int columns, float[] bias, int biasFrom) {
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        tile[r * columns + c] += bias[biasFrom + c];
      }
    }
  }

  @Override
  public void addColumnSums(float[] tile, int rows, int columns, float[] sum, int sumFrom) {
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        sum[sumFrom + c] += tile[r * columns + c];
      }
    }
  }

  @Override
  public void add(float[] x, float[] y, int n) {
    for (int i = 0; i < n; i++) {
      x[i] += y[i];
    }
  }

  @Override
  public void activate(Activation activation, float[] x, int n) {
    switch (activation) {
      case GELU_ERF -> {
        for (int i = 0; i < n; i++) {
          x[i] = Polynomials.gelu(x[i]);
        }
      }
      case GELU_TANH -> {
        for (int i = 0; i < n; i++) {
          x[i] = Polynomials.geluTanh(x[i]);
        }
      }
      case RELU -> {
        for (int i = 0; i < n; i++) {
          x[i] = Math.max(x[i], 0f);
        }
      }
    }
  }

  @Override
  public void activateBackward(Activation activation, float[] x, float[] dy, int n) {
    switch (activation) {
      case GELU_ERF -> {
        for (int i = 0; i < n; i++) {
          dy[i] *= Polynomials.geluDerivative(x[i]);
        }
      }
      case GELU_TANH -> {
        for (int i = 0; i < n; i++) {
          dy[i] *= Polynomials.geluTanhDerivative(x[i]);
        }
      }
      case RELU -> {
        for (int i = 0; i < n; i++) {
          dy[i] = x[i] > 0f ? dy[i] : 0f;
        }
      }
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
    for (int r = 0; r < rows; r++) {
      final int from = r * columns;
      clear(lanes);
      for (int c = 0; c < columns; c++) {
        lanes[c % LANES] += x[from + c];
      }
      final float mean = sum(lanes) / columns;
      clear(lanes);
      for (int c = 0; c < columns; c++) {
        final float d = x[from + c] - mean;
        lanes[c % LANES] = Math.fma(d, d, lanes[c % LANES]);
      }
      final float inverse = inverseDeviation(sum(lanes), columns, eps);
      rstd[rstdFrom + r] = inverse;
      for (int c = 0; c < columns; c++) {
        final float n = (x[from + c] - mean) * inverse;
        normalized[from + c] = n;
        x[from + c] = Math.fma(n, gamma[c], beta[c]);
      }
    }
  }

  /** Shared by both twins: 1 / sqrt(squares / columns + eps) in double. */
  public static float inverseDeviation(float squares, int columns, double eps) {
    return (float) (1.0 / Math.sqrt((double) squares / columns + eps));
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
    final float[] lanesN = new float[LANES];
    for (int r = 0; r < rows; r++) {
      final int from = r * columns;
      clear(lanes);
      clear(lanesN);
      for (int c = 0; c < columns; c++) {
        final float d = dy[from + c];
        final float n = normalized[from + c];
        dGamma[c] = Math.fma(d, n, dGamma[c]);
        dBeta[c] += d;
        final float g = d * gamma[c];
        lanes[c % LANES] += g;
        lanesN[c % LANES] = Math.fma(g, n, lanesN[c % LANES]);
      }
      final float meanG = sum(lanes) / columns;
      final float meanGn = sum(lanesN) / columns;
      final float inverse = rstd[rstdFrom + r];
      for (int c = 0; c < columns; c++) {
        final float g = dy[from + c] * gamma[c];
        dy[from + c] = inverse * Math.fma(-normalized[from + c], meanGn, g - meanG);
      }
    }
  }

  @Override
  public void softmax(float[] s, int from, int n, float scale, float[] mask) {
    float peak = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < n; i++) {
      final float v = mask == null ? s[from + i] * scale : Math.fma(s[from + i], scale, mask[i]);
      s[from + i] = v;
      peak = Math.max(peak, v);
    }
    final float[] lanes = new float[LANES];
    for (int i = 0; i < n; i++) {
      final float e = Polynomials.exp(s[from + i] - peak);
      s[from + i] = e;
      lanes[i % LANES] += e;
    }
    final float inverse = 1f / sum(lanes);
    for (int i = 0; i < n; i++) {
      s[from + i] *= inverse;
    }
  }

  @Override
  public void softmaxBackward(float[] p, float[] dp, int from, int n, float scale) {
    final float[] lanes = new float[LANES];
    for (int i = 0; i < n; i++) {
      lanes[i % LANES] = Math.fma(p[from + i], dp[from + i], lanes[i % LANES]);
    }
    final float inner = sum(lanes);
    for (int i = 0; i < n; i++) {
      dp[from + i] = p[from + i] * (dp[from + i] - inner) * scale;
    }
  }

  @Override
  public void dropout(float[] x, int n, int seed, int position, float rate) {
    final int threshold = threshold(rate);
    final float scale = 1f / (1f - rate);
    for (int i = 0; i < n; i++) {
      x[i] = mix(seed, position + i) < threshold ? 0f : x[i] * scale;
    }
  }

  /** Hashes compare as signed integers; this share of all integers lies below the threshold. */
  public static int threshold(float rate) {
    return (int) (Integer.MIN_VALUE + Math.round(rate * 0x1p32));
  }

  /** A well-mixed integer for each (seed, position). */
  public static int mix(int seed, int position) {
    int h = position * STEP + seed;
    h = (h ^ (h >>> 16)) * MIX_1;
    h = (h ^ (h >>> 15)) * MIX_2;
    return h ^ (h >>> 16);
  }

  @Override
  public void addOuterProducts(double[] p, int count, int n, double[] tiles) {
    int tile = 0;
    for (int row = 0; row < n; row += TILE) {
      for (int column = row; column < n; column += TILE, tile += TILE * TILE) {
        for (int i = 0; i < TILE; i++) {
          for (int j = 0; j < TILE; j++) {
            double sum = tiles[tile + i * TILE + j];
            for (int k = 0; k < count; k++) {
              sum = Math.fma(p[k * n + row + i], p[k * n + column + j], sum);
            }
            tiles[tile + i * TILE + j] = sum;
          }
        }
      }
    }
  }

  @Override
  public void adamW(float[] w, float[] gradient, float[] m, float[] v, int n, AdamStep step) {
    final float beta1 = (float) step.beta1();
    final float beta2 = (float) step.beta2();
    final float keep1 = (float) (1 - step.beta1());
    final float keep2 = (float) (1 - step.beta2());
    final float shrink = 1f - step.decay();
    for (int i = 0; i < n; i++) {
      final float g = gradient[i] * step.gradientScale();
      final float mi = Math.fma(beta1, m[i], keep1 * g);
      final float vi = Math.fma(beta2, v[i], keep2 * g * g);
      m[i] = mi;
      v[i] = vi;
      final float root = (float) Math.sqrt(vi) / step.sqrtCorrection() + step.eps();
      w[i] = w[i] * shrink - step.stepSize() * (mi / root);
    }
  }

  private static void clear(float[] lanes) {
    java.util.Arrays.fill(lanes, 0f);
  }

  /** The fixed tree over the lanes: halves are added until one value is left. Shared by both. */
  public static float sum(float[] lanes) {
    for (int width = LANES / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; i++) {
        lanes[i] += lanes[i + width];
      }
    }
    return lanes[0];
  }

  @Override
  public int panelColumns() {
    return PANEL;
  }

  @Override
  public int[] tileHeights() {
    return new int[] {1};
  }

  /** Four steps of k at a time: the compiler makes vectors of the inner loop. */
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
    for (int r = 0; r < height; r++) {
      final int to = cFrom + r * stride;
      int k = 0;
      for (; k + 4 <= inner; k += 4) {
        final int from = aFrom + k * height + r;
        final float a0 = a[from];
        final float a1 = a[from + height];
        final float a2 = a[from + 2 * height];
        final float a3 = a[from + 3 * height];
        final int b0 = bFrom + k * PANEL;
        for (int j = 0; j < PANEL; j++) {
          final float sum = Math.fma(a1, b[b0 + PANEL + j], Math.fma(a0, b[b0 + j], c[to + j]));
          c[to + j] = Math.fma(a3, b[b0 + 3 * PANEL + j], Math.fma(a2, b[b0 + 2 * PANEL + j], sum));
        }
      }
      for (; k < inner; k++) {
        final float v = a[aFrom + k * height + r];
        for (int j = 0; j < PANEL; j++) {
          c[to + j] = Math.fma(v, b[bFrom + k * PANEL + j], c[to + j]);
        }
      }
    }
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
    commonBits(a, aFrom, rows, words, b, bFrom, c, cFrom, stride);
  }

  /** Eight sums at a time stay in registers. Shared with JVMs whose vectors count no bits. */
  public static void commonBits(
      long[] a,
      int aFrom,
      int rows,
      int words,
      long[] b,
      int bFrom,
      int[] c,
      int cFrom,
      int stride) {
    for (int r = 0; r < rows; r++) {
      int c0 = 0;
      int c1 = 0;
      int c2 = 0;
      int c3 = 0;
      int c4 = 0;
      int c5 = 0;
      int c6 = 0;
      int c7 = 0;
      for (int w = 0; w < words; w++) {
        final long word = a[aFrom + r * words + w];
        final int at = bFrom + w * BIT_PANEL;
        c0 += Long.bitCount(word & b[at]);
        c1 += Long.bitCount(word & b[at + 1]);
        c2 += Long.bitCount(word & b[at + 2]);
        c3 += Long.bitCount(word & b[at + 3]);
        c4 += Long.bitCount(word & b[at + 4]);
        c5 += Long.bitCount(word & b[at + 5]);
        c6 += Long.bitCount(word & b[at + 6]);
        c7 += Long.bitCount(word & b[at + 7]);
      }
      final int to = cFrom + r * stride;
      c[to] = c0;
      c[to + 1] = c1;
      c[to + 2] = c2;
      c[to + 3] = c3;
      c[to + 4] = c4;
      c[to + 5] = c5;
      c[to + 6] = c6;
      c[to + 7] = c7;
    }
  }
}
