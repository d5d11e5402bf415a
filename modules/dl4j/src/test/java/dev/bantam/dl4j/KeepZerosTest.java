package dev.bantam.dl4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.deeplearning4j.nn.api.Model;
import org.deeplearning4j.nn.graph.ComputationGraph;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.dataset.DataSet;
import org.nd4j.linalg.factory.Nd4j;

/** Training by DL4J itself, with its momentum, of networks whose weights were set to zero. */
class KeepZerosTest {
  private static DataSet data(int width) {
    return new DataSet(
        Nd4j.create(Networks.rows(9, width, 1)),
        Networks.oneHot(new int[] {0, 1, 2, 0, 1, 2, 0, 1, 2}));
  }

  /** Every second weight of a matrix, as [i, j] sees them. */
  private static void prune(Model network, String name) {
    final INDArray w = network.paramTable().get(name);
    for (int i = 0; i < w.rows(); i++) {
      for (int j = 0; j < w.columns(); j++) {
        if ((i + j) % 2 == 0) {
          w.putScalar(i, j, 0);
        }
      }
    }
  }

  private static long zeros(Model network, String name) {
    final INDArray w = network.paramTable().get(name);
    long zeros = 0;
    for (int i = 0; i < w.rows(); i++) {
      for (int j = 0; j < w.columns(); j++) {
        if (w.getDouble(i, j) == 0) {
          assertEquals(0, (i + j) % 2, name + " [" + i + ", " + j + "]");
          zeros++;
        }
      }
    }
    return zeros;
  }

  @Test
  void aStackTrainsWhatIsLeft() {
    final MultiLayerNetwork network = Networks.dense();
    network.fit(data(5)); // the updater has momentum for all weights now
    prune(network, "0_W");
    final INDArray before = network.params().dup();
    final KeepZeros zeros = new KeepZeros(network);
    assertEquals(20.0 / (40 + 48 + 18), zeros.sparsity(), 1e-12);
    network.addListeners(zeros);
    for (int i = 0; i < 5; i++) {
      network.fit(data(5));
    }
    assertEquals(20, zeros(network, "0_W"));
    assertTrue(before.distance1(network.params()) > 0.1, "the others were trained");
  }

  /** What the listener is there for: without it the same training fills the zeros. */
  @Test
  void withoutItTheZerosAreGone() {
    final MultiLayerNetwork network = Networks.dense();
    prune(network, "0_W");
    network.fit(data(5));
    assertEquals(0, zeros(network, "0_W"));
  }

  @Test
  void aGraphTrainsWhatIsLeft() {
    final ComputationGraph graph = Networks.graph();
    prune(graph, "left_1_W");
    graph.addListeners(new KeepZeros(graph));
    for (int i = 0; i < 3; i++) {
      graph.fit(data(5));
    }
    assertEquals(10, zeros(graph, "left_1_W"));
    assertEquals(0, zeros(graph, "right_W"));
  }
}
