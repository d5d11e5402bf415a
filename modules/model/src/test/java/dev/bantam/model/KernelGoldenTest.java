package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.ScalarKernels;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The kernels, both twins, and the attention of one sequence against PyTorch (golden cases). */
class KernelGoldenTest {
  private static final List<Kernels> TWINS = List.of(new ScalarKernels(), Kernels.best());

  static Stream<String> gelu() {
    return GoldenCases.named("training", "gelu");
  }

  @ParameterizedTest
  @MethodSource
  void gelu(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final float[] x = golden.floats("x");
    for (Kernels kernels : TWINS) {
      for (String form : List.of("erf", "tanh")) {
        final Kernels.Activation activation =
            form.equals("erf") ? Kernels.Activation.GELU_ERF : Kernels.Activation.GELU_TANH;
        final float[] y = x.clone();
        kernels.activate(activation, y, y.length);
        golden.check("*", golden.numbers("gelu-" + form), y, kernels.name() + " " + form);
        final float[] dy = new float[x.length];
        Arrays.fill(dy, 1f);
        kernels.activateBackward(activation, x, dy, x.length);
        golden.check(
            "*", golden.numbers("gelu-" + form + ".derivative"), dy, kernels.name() + " d" + form);
      }
    }
  }

  static Stream<String> layerNorm() {
    return GoldenCases.named("training", "layer-norm");
  }

  @ParameterizedTest
  @MethodSource
  void layerNorm(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final List<String> settings =
        golden.tensors().stream()
            .filter(t -> t.matches("eps[^.]*(\\.nobias)?\\.y"))
            .map(t -> t.substring(0, t.length() - 2))
            .sorted()
            .toList();
    assertTrue(settings.size() >= 2, settings.toString());
    for (Kernels kernels : TWINS) {
      for (String setting : settings) {
        layerNorm(golden, kernels, setting);
      }
      residual(golden, kernels);
    }
  }

  private static void layerNorm(GoldenCase golden, Kernels kernels, String setting) {
    final int rows = golden.shape("x")[0];
    final int columns = golden.shape("x")[1];
    final double eps = Double.parseDouble(setting.replaceFirst("^eps", "").replace(".nobias", ""));
    final float[] gamma = golden.floats("weight");
    final float[] beta = setting.endsWith(".nobias") ? new float[columns] : golden.floats("bias");
    final float[] y = golden.floats("x");
    final float[] normalized = new float[y.length];
    final float[] rstd = new float[rows];
    kernels.layerNorm(y, rows, columns, gamma, beta, eps, normalized, rstd, 0);
    final float[] dx = golden.floats("output_gradient");
    kernels.layerNormBackward(
        dx, rows, columns, normalized, rstd, 0, gamma, new float[columns], new float[columns]);
    final String label = kernels.name() + " " + setting;
    byRow(golden, setting + ".y", y, columns, label);
    byRow(golden, setting + ".dx", dx, columns, label);
    final String rowsOfSums = setting + ".dweight.rows";
    golden.tensors().stream()
        .filter(t -> t.startsWith(rowsOfSums))
        .forEach(
            t -> {
              final float[] dGamma = new float[columns];
              final float[] dBeta = new float[columns];
              for (char digit : t.substring(rowsOfSums.length()).toCharArray()) {
                final int r = digit - '0';
                kernels.layerNormBackward(
                    row(golden.floats("output_gradient"), r, columns),
                    1,
                    columns,
                    row(normalized, r, columns),
                    rstd,
                    r,
                    gamma,
                    dGamma,
                    dBeta);
              }
              golden.check(t, golden.numbers(t), dGamma, label);
              final String bias = t.replace("dweight", "dbias");
              golden.check(bias, golden.numbers(bias), dBeta, label);
            });
  }

  private static float[] row(float[] values, int row, int columns) {
    return Arrays.copyOfRange(values, row * columns, (row + 1) * columns);
  }

  private static void byRow(
      GoldenCase golden, String what, float[] got, int columns, String label) {
    final double[] expected = golden.numbers(what);
    final double[] tolerance = golden.numbers(what + ".row_tolerance");
    assertEquals(expected.length, got.length);
    assertEquals(expected.length, tolerance.length * columns);
    for (int i = 0; i < got.length; i++) {
      assertEquals(expected[i], got[i], tolerance[i / columns], label + " " + what + " " + i);
    }
  }

  /** LayerNorm(x + residual), as both blocks of a layer do it. */
  private static void residual(GoldenCase golden, Kernels kernels) {
    final int rows = golden.shape("x")[0];
    final int columns = golden.shape("x")[1];
    final float[] y = golden.floats("x");
    kernels.add(y, golden.floats("residual"), y.length);
    final double[] expected = golden.numbers("residual.y");
    double best = Double.POSITIVE_INFINITY;
    for (double eps : new double[] {1e-12, 1e-5}) {
      final float[] z = y.clone();
      kernels.layerNorm(
          z,
          rows,
          columns,
          golden.floats("weight"),
          golden.floats("bias"),
          eps,
          new float[z.length],
          new float[rows],
          0);
      double worst = 0;
      for (int i = 0; i < z.length; i++) {
        worst = Math.max(worst, Math.abs(z[i] - expected[i]));
      }
      best = Math.min(best, worst);
    }
    assertTrue(best <= 0.01, kernels.name() + ": off by " + best); // the case's tolerance
  }

  static Stream<String> maskedSoftmax() {
    return GoldenCases.named("training", "masked-softmax");
  }

  @ParameterizedTest
  @MethodSource
  void maskedSoftmax(String name) {
    final GoldenCase golden = new GoldenCase(name);
    final int[] shape = golden.shape("scores");
    final int n = shape[2];
    final double[] mask = golden.numbers("mask");
    int compared = 0;
    for (Kernels kernels : TWINS) {
      for (int b = 0; b < shape[0]; b++) {
        final float[] bias = new float[n];
        boolean visible = false;
        for (int j = 0; j < n; j++) {
          bias[j] = mask[b * n + j] == 0 ? -Float.MAX_VALUE : 0f;
          visible |= mask[b * n + j] != 0;
        }
        for (int q = 0; q < shape[1]; q++) {
          final int at = (b * shape[1] + q) * n;
          final float[] p = Arrays.copyOfRange(golden.floats("scores"), at, at + n);
          final float[] dp = Arrays.copyOfRange(golden.floats("output_gradient"), at, at + n);
          kernels.softmax(p, 0, n, 1f, bias);
          kernels.softmaxBackward(p, dp, 0, n, 1f);
          for (int j = 0; j < n; j++) {
            assertTrue(Float.isFinite(p[j]) && Float.isFinite(dp[j]), "row " + b);
          }
          if (visible) {
            final double[] wanted = golden.numbers("probabilities");
            golden.check("*", Arrays.copyOfRange(wanted, at, at + n), p, "row " + b);
            final double[] gradient = golden.numbers("score_gradient");
            golden.check("*", Arrays.copyOfRange(gradient, at, at + n), dp, "row " + b);
            compared++;
          }
        }
      }
    }
    assertTrue(compared > 0, "no visible row");
  }

  static Stream<String> attention() {
    return GoldenCases.named("training", "attention-backward");
  }

  /** Full attention, and a sliding window as a transform of the scores. */
  @ParameterizedTest
  @MethodSource
  void attention(String name) {
    final GoldenCase golden = new GoldenCase(name);
    attention(golden, "full", null);
    final int window = golden.description.path("parameters").path("window").intValue();
    assertTrue(window > 0, "no window");
    attention(golden, "window", new Window(window));
  }

  private static void attention(GoldenCase golden, String kind, ActivationTransform onScores) {
    final int heads = golden.shape("q")[0];
    final int n = golden.shape("q")[1];
    final int size = golden.shape("q")[2];
    final int width = heads * size;
    final Batch batch = new Batch(new int[n], new int[n], new int[n], new int[] {0, n});
    final Shards shards = new Shards(batch.offsets());
    final LayerBuffers buffers = new LayerBuffers(n, width, width, width, heads * n * n, true);
    final BackwardBuffers gradients = new BackwardBuffers(n, width, width, width);
    final Site site = new Site(0, Kind.ATTENTION_SCORES);
    final Map<Site, SiteHook> hooks = new LinkedHashMap<>();
    if (onScores != null) {
      final SiteValue value =
          new SiteValue(site, batch, 0, heads, Floats.zeros((long) heads * n * n));
      hooks.put(site, new SiteHook(value, onScores, value.data(), shards.pieces()));
    }
    try (Workers workers = new Workers(1)) {
      final Pass pass =
          new Pass(
              batch,
              shards,
              Pass.scoreOffsets(batch),
              workers,
              new Scratch[] {new Scratch()},
              Kernels.best(),
              true,
              Pass.Dropout.NONE,
              new Hooks(hooks));
      copy(golden.floats("q"), heads, n, size, buffers.queryKeyValue, 3 * width, 0, true);
      copy(golden.floats("k"), heads, n, size, buffers.queryKeyValue, 3 * width, width, true);
      copy(golden.floats("v"), heads, n, size, buffers.queryKeyValue, 3 * width, 2 * width, true);
      copy(golden.floats("output_gradient"), heads, n, size, gradients.context, width, 0, true);
      final SpareMemory spare = new SpareMemory();
      final LayerForward.EncoderShape shape =
          new LayerForward.EncoderShape(width, size, Kernels.Activation.RELU, 1, null);
      final AttentionWork work =
          new AttentionWork(pass, 0, width, shape, buffers, SoftmaxAttention.INSTANCE, spare);
      Stage.runAll(work.forward(null, width), shards, workers);
      Stage.runAll(List.of(work.backward(gradients, spare)), shards, workers);
    }
    check(golden, kind + ".output", heads, n, size, buffers.context, width, 0);
    final Floats back = gradients.queryKeyValue;
    check(golden, kind + ".dq", heads, n, size, back, 3 * width, 0);
    check(golden, kind + ".dk", heads, n, size, back, 3 * width, width);
    check(golden, kind + ".dv", heads, n, size, back, 3 * width, 2 * width);
  }

  private static void check(
      GoldenCase golden,
      String what,
      int heads,
      int n,
      int size,
      Floats data,
      int stride,
      int column) {
    final float[] got = new float[heads * n * size];
    copy(got, heads, n, size, data, stride, column, false);
    golden.check(what, golden.numbers(what), got, what);
  }

  /** Between [heads, n, size] and rows in which the heads stand side by side. */
  private static void copy(
      float[] values,
      int heads,
      int n,
      int size,
      Floats data,
      int stride,
      int column,
      boolean write) {
    for (int h = 0; h < heads; h++) {
      for (int t = 0; t < n; t++) {
        final int at = t * stride + column + h * size;
        if (write) {
          data.write(at, values, (h * n + t) * size, size);
        } else {
          data.read(at, values, (h * n + t) * size, size);
        }
      }
    }
  }

  /** Local attention: scores of keys further away than {@code reach} are out of the running. */
  private record Window(int reach) implements ActivationTransform {
    @Override
    public void forward(Tile tile) {
      change(tile, tile.values(), -1e30f);
    }

    @Override
    public void backward(Tile input, float[] gradient, double[][] parameterGradients) {
      change(input, gradient, 0f);
    }

    private void change(Tile place, float[] values, float outside) {
      for (int r = 0; r < place.rows(); r++) {
        for (int c = 0; c < place.columns(); c++) {
          if (Math.abs(place.row() + r - c) > reach) {
            values[r * place.columns() + c] = outside;
          }
        }
      }
    }
  }
}
