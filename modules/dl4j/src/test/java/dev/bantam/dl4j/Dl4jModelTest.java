package dev.bantam.dl4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.model.Batch;
import dev.bantam.model.GradientSink;
import dev.bantam.model.Loss;
import dev.bantam.model.Model.Outputs;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.training.Losses;
import java.io.File;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.BatchNormalization;
import org.deeplearning4j.nn.conf.layers.DenseLayer;
import org.deeplearning4j.nn.conf.layers.OutputLayer;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.util.ModelSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Against DL4J itself: the same network asked in its own way. */
class Dl4jModelTest {
  private static final int ROWS = 6;
  private static final int[] LABELS = {0, 2, 1, 1, 0, 2};

  @TempDir private Path folder;

  /** A network of DL4J, the rows it reads, and the same rows as DL4J wants them. */
  private record Case(org.deeplearning4j.nn.api.Model network, int width, long... shape) {
    static Case of(String name) {
      return switch (name) {
        case "dense" -> new Case(Networks.dense(), 5, ROWS, 5);
        case "convolution" -> new Case(Networks.convolution(), 84, ROWS, 84);
        case "recurrent" -> new Case(Networks.recurrent(), 12, ROWS, 3, 4);
        default -> new Case(Networks.graph(), 5, ROWS, 5);
      };
    }

    float[][] rows() {
      return Networks.rows(ROWS, width, 3);
    }

    INDArray input() {
      final float[] flat = new float[ROWS * width];
      final float[][] rows = rows();
      for (int r = 0; r < ROWS; r++) {
        System.arraycopy(rows[r], 0, flat, r * width, width);
      }
      return Nd4j.create(flat, shape, 'c');
    }

    INDArray predictions() {
      return network instanceof MultiLayerNetwork stack
          ? stack.output(input())
          : ((ComputationGraph) network).output(input())[0];
    }

    /** Sums over the rows, as DL4J has them before its updater. */
    Gradient gradients() {
      if (network instanceof MultiLayerNetwork stack) {
        stack.setInput(input());
        stack.setLabels(Networks.oneHot(LABELS));
        stack.computeGradientAndScore();
        return stack.gradient();
      }
      final ComputationGraph graph = (ComputationGraph) network;
      graph.setInputs(input());
      graph.setLabels(Networks.oneHot(LABELS));
      graph.computeGradientAndScore();
      return graph.gradient();
    }
  }

  private Dl4jNetwork saved(org.deeplearning4j.nn.api.Model network) {
    final File file = folder.resolve("network.zip").toFile();
    try {
      ModelSerializer.writeModel(network, file, true);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return Dl4jNetwork.open(file.toPath());
  }

  @ParameterizedTest
  @ValueSource(strings = {"dense", "convolution", "recurrent", "graph"})
  void predictsWhatDl4jPredicts(String name) {
    final Case own = Case.of(name);
    final INDArray expected = own.predictions();
    try (Dl4jModel model = saved(own.network()).model()) {
      final Outputs outputs = model.outputs(Networks.batch(own.rows()));
      assertEquals(ROWS, outputs.rows());
      for (int r = 0; r < ROWS; r++) {
        final double[] p = softmax(outputs, r);
        for (int c = 0; c < Networks.CLASSES; c++) {
          assertEquals(expected.getDouble(r, c), p[c], 1e-6);
        }
      }
    }
  }

  private static double[] softmax(Outputs outputs, int row) {
    final double[] p = new double[outputs.columns()];
    double sum = 0;
    for (int c = 0; c < p.length; c++) {
      p[c] = Math.exp(outputs.values()[row * p.length + c]);
      sum += p[c];
    }
    for (int c = 0; c < p.length; c++) {
      p[c] /= sum;
    }
    return p;
  }

  @Test
  void weightsAreOutByInAndLive() {
    final MultiLayerNetwork network = Networks.dense();
    final INDArray theirs = network.getParam("0_W");
    try (Dl4jModel model = saved(network).model()) {
      final INDArray w = model.parameters().get("network.0.W");
      assertEquals(List.of(8L, 5L), List.of(w.size(0), w.size(1)));
      assertEquals(theirs.getFloat(3, 6), w.getFloat(6, 3));
      final Batch batch = Networks.batch(Networks.rows(ROWS, 5, 3));
      final float[] live = Floats.toArray(w);
      live[6 * 5 + 3] = 2;
      Floats.of(w).write(0, live, 0, live.length);
      theirs.putScalar(3, 6, 2);
      final INDArray expected = network.output(Case.of("dense").input());
      assertEquals(expected.getDouble(1, 2), softmax(model.outputs(batch), 1)[2], 1e-6);
    }
  }

  @Test
  void convolutionsAndRecurrentWeightsAreMatrices() {
    final MultiLayerNetwork images = Networks.convolution();
    try (Dl4jModel model = saved(images).model()) {
      final INDArray w = model.parameters().get("network.0.W");
      assertEquals(List.of(4L, 12L), List.of(w.size(0), w.size(1)));
      final INDArray theirs = images.getParam("0_W"); // [4, 2, 3, 2]
      assertEquals(theirs.getFloat(3, 1, 2, 0), w.getFloat(3, (1 * 3 + 2) * 2 + 0));
    }
    final MultiLayerNetwork series = Networks.recurrent();
    try (Dl4jModel model = saved(series).model()) {
      assertEquals(
          series.getParam("1_RW").getFloat(4, 17),
          model.parameters().get("network.1.RW").getFloat(17, 4));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"dense", "convolution", "recurrent", "graph"})
  void gradientsAreDl4jsOverTheRows(String name) {
    final Case own = Case.of(name.equals("dense") ? "dense without dropout" : name);
    final org.deeplearning4j.nn.api.Model network =
        name.equals("dense") ? withoutDropout() : own.network();
    final Case asked = new Case(network, own.width(), own.shape());
    final Gradient theirs = asked.gradients();
    final double score = network.score();
    final Map<String, float[]> ours = new LinkedHashMap<>();
    try (Dl4jModel model = saved(network).model()) {
      final double loss =
          model.gradients(
              Networks.batch(asked.rows()),
              Losses.crossEntropy(LABELS),
              Regularization.NONE,
              (parameter, gradient) -> ours.put(parameter, Floats.toArray(gradient)));
      assertEquals(score, loss, 1e-5);
      assertEquals(model.parameters().keySet(), ours.keySet());
    }
    theirs
        .gradientForVariable()
        .forEach(
            (key, gradient) -> {
              final float[] own1 = ours.get(ParameterName.ofTable(key).toString());
              final INDArray order =
                  gradient.rank() == 2 && gradient.ordering() == 'f'
                      ? gradient.transpose()
                      : gradient;
              final float[] expected = order.dup('c').data().asFloat();
              for (int i = 0; i < expected.length; i++) {
                assertEquals(expected[i] / ROWS, own1[i], 2e-6, key + " at " + i);
              }
            });
  }

  private static MultiLayerNetwork withoutDropout() {
    final MultiLayerNetwork network = Networks.dense();
    network.getLayerWiseConfigurations().getConf(0).getLayer().setIDropout(null);
    return network;
  }

  @ParameterizedTest
  @ValueSource(strings = {"dense", "convolution", "recurrent", "graph"})
  void gradientsAreSlopesOfTheLoss(String name) {
    final Case own = Case.of(name);
    final Loss loss = Losses.crossEntropy(LABELS);
    final Batch batch = Networks.batch(own.rows());
    try (Dl4jModel model = saved(own.network()).model()) {
      final Random random = new Random(2);
      final float[] direction = new float[Math.toIntExact(model.row().length())];
      for (int i = 0; i < direction.length; i++) {
        direction[i] = random.nextBoolean() ? 1 : -1;
      }
      final double[] slope = new double[1];
      final int[] at = new int[1];
      final Map<String, float[]> gradients = new LinkedHashMap<>();
      model.gradients(
          batch,
          loss,
          Regularization.NONE,
          (parameter, gradient) -> gradients.put(parameter, Floats.toArray(gradient)));
      model
          .parameters()
          .forEach(
              (parameter, tensor) -> {
                for (float g : gradients.get(parameter)) {
                  slope[0] += g * direction[at[0]++];
                }
              });
      final double h = 2e-3;
      final double up = displaced(model, direction, h, batch, loss);
      final double down = displaced(model, direction, -h, batch, loss);
      assertEquals(slope[0], (up - down) / (2 * h), 2e-2 * Math.max(0.2, Math.abs(slope[0])));
    }
  }

  /** The loss with all weights moved along a direction, and back. */
  private static double displaced(
      Dl4jModel model, float[] direction, double h, Batch batch, Loss loss) {
    final Map<String, float[]> before = new LinkedHashMap<>();
    final int[] at = new int[1];
    model
        .parameters()
        .forEach(
            (parameter, tensor) -> {
              final float[] values = Floats.toArray(tensor);
              before.put(parameter, values.clone());
              for (int i = 0; i < values.length; i++) {
                values[i] += (float) (h * direction[at[0]++]);
              }
              Floats.of(tensor).write(0, values, 0, values.length);
            });
    final Outputs outputs = model.outputs(batch);
    final double value =
        loss.apply(
            outputs.values(),
            outputs.rows(),
            outputs.columns(),
            new float[outputs.values().length]);
    before.forEach(
        (parameter, values) ->
            Floats.of(model.parameters().get(parameter)).write(0, values, 0, values.length));
    return value;
  }

  @Test
  void aSinkGetsWhatItWants() {
    final Case own = Case.of("dense");
    try (Dl4jModel model = saved(own.network()).model()) {
      model.gradients(
          Networks.batch(own.rows()),
          Losses.crossEntropy(LABELS),
          Regularization.NONE,
          new GradientSink() {
            @Override
            public boolean wants(String parameter) {
              return parameter.equals("network.1.W");
            }

            @Override
            public void accept(String parameter, INDArray gradient) {
              assertEquals("network.1.W", parameter);
            }
          });
    }
  }

  @Test
  void productsOfPatchesAreTheConvolution() {
    final MultiLayerNetwork network = Networks.convolution();
    final Case own = Case.of("convolution");
    final List<INDArray> activations = network.feedForward(own.input());
    try (Dl4jModel model = saved(network).model()) {
      for (int layer : new int[] {0, 2}) {
        final INDArray expected = activations.get(layer + 1); // no activation function
        final float[] bias = Floats.toArray(model.parameters().get("network." + layer + ".b"));
        final INDArray w = model.parameters().get("network." + layer + ".W");
        model.linearInputs(
            Networks.batch(own.rows()),
            List.of("network." + layer + ".W"),
            (name, x, rows, columns) -> {
              final int places = Math.toIntExact(expected.size(2) * expected.size(3));
              assertEquals(ROWS * places, rows);
              final INDArray y = x.array().mmul(w.transpose());
              for (int r = 0; r < rows; r++) {
                for (int f = 0; f < bias.length; f++) {
                  final int place = r % places;
                  assertEquals(
                      expected.getDouble(
                          r / places, f, place / expected.size(3), place % expected.size(3)),
                      y.getDouble(r, f) + bias[f],
                      1e-5);
                }
              }
            });
      }
    }
  }

  /** Both inputs of an LSTM, put through the equations of a step by hand. */
  @Test
  void rowsOfAnLstmGiveItsOutputs() {
    final MultiLayerNetwork network = Networks.recurrent();
    final Case own = Case.of("recurrent");
    final INDArray expected = network.feedForward(own.input()).get(1); // [rows, 4, steps]
    final Map<String, INDArray> x = new LinkedHashMap<>();
    try (Dl4jModel model = saved(network).model()) {
      model.linearInputs(
          Networks.batch(own.rows()),
          List.of("network.0.W", "network.0.RW"),
          (name, rows, n, columns) -> x.put(name, rows.array().dup()));
      assertEquals(List.of("network.0.W", "network.0.RW"), List.copyOf(x.keySet()));
      final INDArray gates =
          x.get("network.0.W")
              .mmul(model.parameters().get("network.0.W").transpose())
              .add(x.get("network.0.RW").mmul(model.parameters().get("network.0.RW").transpose()));
      final float[] b = Floats.toArray(model.parameters().get("network.0.b"));
      for (int r = 0; r < ROWS; r++) {
        final double[] cell = new double[4];
        for (int t = 0; t < 4; t++) {
          for (int u = 0; u < 4; u++) { // order of gates: input, forget, output, candidate
            final int row = 4 * r + t;
            final double candidate = Math.tanh(gates.getDouble(row, u) + b[u]);
            final double forget = sigmoid(gates.getDouble(row, 4 + u) + b[4 + u]);
            final double output = sigmoid(gates.getDouble(row, 8 + u) + b[8 + u]);
            final double input = sigmoid(gates.getDouble(row, 12 + u) + b[12 + u]);
            cell[u] = forget * cell[u] + input * candidate;
            assertEquals(expected.getDouble(r, u, t), output * Math.tanh(cell[u]), 1e-5);
          }
        }
      }
    }
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  @Test
  void theInputOfALaterLayerIsWhatTheOneBeforeGives() {
    final Case own = Case.of("graph");
    final Map<String, INDArray> theirs =
        ((ComputationGraph) own.network()).feedForward(own.input(), false);
    try (Dl4jModel model = saved(own.network()).model()) {
      model.linearInputs(
          Networks.batch(own.rows()),
          List.of("network.classes.W"),
          (name, x, rows, columns) -> {
            for (int r = 0; r < ROWS; r++) {
              for (int i = 0; i < 4; i++) {
                final double left = theirs.get("left_1").getDouble(r, i);
                assertEquals(
                    left + theirs.get("right").getDouble(r, i), x.array().getDouble(r, i), 1e-6);
                assertEquals(left, x.array().getDouble(r, 4 + i), 1e-6);
              }
            }
          });
    }
  }

  @Test
  void batchNormalizationPredictsAndHasNoGradients() {
    final MultiLayerNetwork network =
        new MultiLayerNetwork(
            new NeuralNetConfiguration.Builder()
                .seed(1)
                .list()
                .layer(new DenseLayer.Builder().nIn(5).nOut(4).build())
                .layer(new BatchNormalization.Builder().nIn(4).nOut(4).build())
                .layer(
                    new OutputLayer.Builder().nIn(4).nOut(3).activation(Activation.SOFTMAX).build())
                .build());
    network.init();
    final Case own = new Case(network, 5, ROWS, 5);
    try (Dl4jModel model = saved(network).model()) {
      final Batch batch = Networks.batch(own.rows());
      assertEquals(own.predictions().getDouble(4, 1), softmax(model.outputs(batch), 4)[1], 1e-6);
      final BantamException refused =
          assertThrows(
              BantamException.class,
              () ->
                  model.gradients(
                      batch, Losses.crossEntropy(LABELS), Regularization.NONE, (p, g) -> {}));
      assertTrue(refused.getMessage().contains("batch normalization"), refused.getMessage());
    }
  }
}
