package dev.bantam.tensor;

import java.lang.reflect.InvocationTargetException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The arithmetic between the matrix products, fused, on tiles held in heap arrays.
 *
 * <p>Two twins give the same bits: {@link ScalarKernels}, the readable definition, and a Vector API
 * one used when the JVM was started with {@code --add-modules jdk.incubator.vector}. To keep them
 * equal, elementwise functions are polynomials of {@code mul}, {@code add} and {@code fma} in one
 * stated order, and sums over a row run in {@value #LANES} interleaved lanes that are added as a
 * fixed tree. Rows are contiguous: element (r, c) of a tile is {@code tile[r * columns + c]}.
 */
public interface Kernels {
  /** Interleaved partial sums of a reduction, whatever the width of the hardware's vectors. */
  int LANES = 16;

  /** Activation between the two FFN matrices. */
  enum Activation {
    GELU_ERF,
    GELU_TANH,
    RELU
  }

  /** Name for {@code doctor} and benchmarks, e.g. "vector 512 bit". */
  String name();

  /** {@code tile[r,c] += bias[c]}. */
  void addBias(float[] tile, int rows, int columns, float[] bias, int biasFrom);

  /** {@code sum[c] += sum over r of tile[r,c]}, rows in order. */
  void addColumnSums(float[] tile, int rows, int columns, float[] sum, int sumFrom);

  /** {@code x[i] += y[i]} for i below n. */
  void add(float[] x, float[] y, int n);

  /** {@code x[i] = f(x[i])} for i below n. */
  void activate(Activation activation, float[] x, int n);

  /** {@code dy[i] *= f'(x[i])} for i below n; {@code x} is the input of the activation. */
  void activateBackward(Activation activation, float[] x, float[] dy, int n);

  /**
   * LayerNorm of each row: {@code n = (x - mean) / sqrt(variance + eps)}, {@code y = n * gamma +
   * beta}, biased variance in two passes.
   *
   * @param x in: rows; out: y
   * @param normalized out: n, what the backward needs
   * @param rstd out: 1 / sqrt(variance + eps) of each row, from {@code rstd[rstdFrom]}
   */
  void layerNorm(
      float[] x,
      int rows,
      int columns,
      float[] gamma,
      float[] beta,
      double eps,
      float[] normalized,
      float[] rstd,
      int rstdFrom);

  /**
   * Backward of {@link #layerNorm}: {@code dx = rstd (g - mean(g) - n mean(g n))} with {@code g =
   * dy gamma}.
   *
   * @param dy in: gradient of y; out: dx
   * @param dGamma += sum over rows of dy n
   * @param dBeta += sum over rows of dy
   */
  void layerNormBackward(
      float[] dy,
      int rows,
      int columns,
      float[] normalized,
      float[] rstd,
      int rstdFrom,
      float[] gamma,
      float[] dGamma,
      float[] dBeta);

  /**
   * {@code softmax(scale * s + mask)} of one row, the maximum subtracted first. A row whose entries
   * are all masked comes out finite.
   *
   * @param s in: scores; out: probabilities, from {@code s[from]}, n of them
   * @param mask added to the scaled scores from {@code mask[0]}, or null for none
   */
  void softmax(float[] s, int from, int n, float scale, float[] mask);

  /**
   * Backward of one softmax row: {@code dp = p (dp - sum(p dp)) scale}.
   *
   * @param p probabilities, from {@code p[from]}
   * @param dp in: gradient of p; out: gradient of s, from {@code dp[from]}
   */
  void softmaxBackward(float[] p, float[] dp, int from, int n, float scale);

  /**
   * Dropout with the mask as a function of seed and position, so that it need not be kept: {@code
   * x[i] = keep(seed, position + i) ? x[i] / (1 - rate) : 0}. Calling it again on gradients is the
   * backward.
   *
   * @param seed of this site and step
   * @param position index of {@code x[0]} in the whole tensor
   * @param rate share of elements dropped, in [0, 1)
   */
  void dropout(float[] x, int n, int seed, int position, float rate);

  /** Columns of a panel of {@link #multiply}. */
  int panelColumns();

  /** Heights of the tiles of {@link #multiply}, the tallest and fastest one first. */
  int[] tileHeights();

  /**
   * Adds a tile of rows times a panel of columns: {@code c[r,j] += sum over k of a[k,r] b[k,j]}.
   * Each sum is one chain of {@code fma} in order of k that starts from c, so it depends neither on
   * the shape of tiles and panels nor on where k is interrupted and gone on with.
   *
   * @param a packed rows, [inner, height], from {@code a[aFrom]}
   * @param height one of {@link #tileHeights()}
   * @param b packed columns, [inner, {@link #panelColumns()}], from {@code b[bFrom]}
   * @param c rows at a distance of {@code stride}, from {@code c[cFrom]}
   */
  void multiply(
      float[] a,
      int aFrom,
      int height,
      float[] b,
      int bFrom,
      int inner,
      float[] c,
      int cFrom,
      int stride);

  /** Side of the square tiles of {@link #addOuterProducts}. */
  int TILE = 8;

  /**
   * Adds outer products of vectors to a symmetric matrix: {@code s[i,j] += sum over k of p[k,i]
   * p[k,j]} for i &lt;= j. Each sum is one chain of {@code fma} in order of k that starts from s.
   *
   * @param p vectors, [count, n] row-major
   * @param n a multiple of {@value #TILE}
   * @param tiles the upper triangle in tiles of {@value #TILE} rows and columns, each row-major, in
   *     order of tile row, then tile column; those on the diagonal are whole. {@code m (m + 1) / 2}
   *     of them with {@code m = n / 8}
   */
  void addOuterProducts(double[] p, int count, int n, double[] tiles);

  /** Columns of a panel of {@link #countCommonBits}. */
  int BIT_PANEL = 8;

  /**
   * Counts the bits that rows and a panel of columns have in common: {@code c[r,j] = sum over w of
   * bitCount(a[r,w] & b[w,j])}.
   *
   * @param a words of the rows, [rows, words], from {@code a[aFrom]}
   * @param b words of the columns, [words, {@value #BIT_PANEL}], from {@code b[bFrom]}
   * @param c out: rows at a distance of {@code stride}, from {@code c[cFrom]}
   */
  void countCommonBits(
      long[] a,
      int aFrom,
      int rows,
      int words,
      long[] b,
      int bFrom,
      int[] c,
      int cFrom,
      int stride);

  /**
   * One AdamW update (Loshchilov and Hutter 2019, as PyTorch orders it): {@code g = scale grad; w
   * -= rate decay w; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g g; w -= rate/correction1 m /
   * (sqrt(v)/sqrtCorrection2 + eps)}.
   */
  void adamW(float[] w, float[] gradient, float[] m, float[] v, int n, AdamStep step);

  /**
   * The scalars of an AdamW update.
   *
   * @param gradientScale factor of gradient clipping
   * @param beta1 in double, because {@code 1 - beta} taken from the float is off by 1e-5 for .999
   * @param beta2 as {@code beta1}
   * @param decay {@code rate * weight decay}, 0 for tensors without decay
   * @param stepSize {@code rate / (1 - beta1^t)}, or the rate itself without bias correction
   * @param sqrtCorrection {@code sqrt(1 - beta2^t)}, or 1 without bias correction
   */
  record AdamStep(
      float gradientScale,
      double beta1,
      double beta2,
      float eps,
      float decay,
      float stepSize,
      float sqrtCorrection) {}

  /** The fastest twin that this JVM can run. */
  static Kernels best() {
    return Best.KERNELS;
  }

  /** Holder of the choice, made once. */
  final class Best {
    private static final Logger LOG = LoggerFactory.getLogger(Kernels.class);
    private static final Kernels KERNELS = choose();

    private Best() {}

    private static Kernels choose() {
      if (ModuleLayer.boot().findModule("jdk.incubator.vector").isEmpty()) {
        LOG.debug("No Vector API: start with --add-modules jdk.incubator.vector for speed");
        return new ScalarKernels();
      }
      try {
        final Kernels vector =
            (Kernels)
                Class.forName("dev.bantam.tensor.vector.VectorKernels")
                    .getMethod("create")
                    .invoke(null);
        return vector == null ? new ScalarKernels() : vector;
      } catch (ReflectiveOperationException | LinkageError e) {
        final Throwable cause =
            e instanceof InvocationTargetException wrapped ? wrapped.getCause() : e;
        LOG.warn("The Vector API kernels could not be loaded; the slower ones are used", cause);
        return new ScalarKernels();
      }
    }
  }
}
