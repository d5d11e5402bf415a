package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.compression.Step;
import dev.bantam.pruning.Calibration.Inputs;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What plans are told of memory and work, added up by hand. */
class LayerwiseCostTest {
  private static final Calibration CALIBRATION = new Calibration(3, 4, Inputs.PRUNED);

  /** Two layers of 10 x 10 and 10 x 40. */
  private static Map<String, long[]> shapes() {
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    for (int layer = 0; layer < 2; layer++) {
      final String start = "encoder.layer." + layer + ".";
      shapes.put(start + "attention.self.query.weight", new long[] {10, 10});
      shapes.put(start + "attention.self.key.weight", new long[] {10, 10});
      shapes.put(start + "output.dense.weight", new long[] {10, 40});
    }
    return shapes;
  }

  private static Step.Cost cost(LayerMethod method, Pattern pattern) {
    return new Layerwise(method, pattern, CALIBRATION).cost(shapes());
  }

  @Test
  void examplesPassOnceALayer() {
    for (LayerMethod method :
        new LayerMethod[] {new Wanda(), new SparseGpt(8, 0.01), new ExactObs(0.01)}) {
      final Step.Cost cost = cost(method, Pattern.UNSTRUCTURED);
      assertEquals(2 * 12, cost.outputExamples(), method.method());
      assertEquals(0, cost.gradientExamples() + cost.epochs() + cost.offHeapBytes());
    }
  }

  @Test
  void memoryIsThatOfOneLayer() {
    final long weights = 2 * (2 * 100 + 400) * 9;
    assertEquals(weights + 800, cost(new Wanda(), Pattern.UNSTRUCTURED).heapBytes());
    // moments of both inputs; of the wider one two matrices of its size, and the weights in double
    final long moments = 8 * (10 * 10 + 40 * 40);
    final long sparseGpt = 2 * 8 * 40 * 40 + 10 * (40 + 4 * 8) * 8 + 400;
    assertEquals(
        weights + moments + sparseGpt,
        cost(new SparseGpt(8, 0.01), Pattern.UNSTRUCTURED).heapBytes());
    final long least = weights + moments + 4 * 8 * 40 * 40;
    assertTrue(cost(new ExactObs(0.01), Pattern.UNSTRUCTURED).heapBytes() > least);
  }

  /** n^3 / 6 multiplications and as many additions a row, at a speed of their own. */
  @Test
  void exactObsCountsItsDowndates() {
    assertEquals(
        25.0 * 2 * (2 * 10 * 1000.0 / 3 + 10 * 64000.0 / 3),
        cost(new ExactObs(0.01), Pattern.UNSTRUCTURED).operations(),
        1e-6);
    assertEquals(0, cost(new Wanda(), Pattern.UNSTRUCTURED).operations());
  }
}
