package dev.bantam.pruning;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.GroupedTensor;
import dev.bantam.compression.Groups;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.nd4j.linalg.api.ndarray.INDArray;

class MagnitudePruningTest {
  private static final String QUERY = "encoder.layer.0.attention.self.query.weight";
  private static final String UP = "encoder.layer.0.intermediate.dense.weight";
  private static final TensorSelector ALL = new TensorSelector(List.of("*"), List.of());

  private static CompressionState state(float scaleOfSecond) {
    final Random random = new Random(1);
    final Map<String, INDArray> weights = new LinkedHashMap<>();
    weights.put(QUERY, Floats.tensor(gaussian(random, 13 * 17, 1f), 13, 17));
    weights.put(UP, Floats.tensor(gaussian(random, 29 * 17, scaleOfSecond), 29, 17));
    return new CompressionState(weights, 1);
  }

  private static float[] gaussian(Random random, int n, float scale) {
    final float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = scale * (float) random.nextGaussian();
    }
    return values;
  }

  private static int zeros(CompressionState state, String name) {
    int zeros = 0;
    for (float w : state.weight(name)) {
      zeros += w == 0f ? 1 : 0;
    }
    return zeros;
  }

  @Test
  void globalScopeTakesTheSmallestOfAllMatrices() {
    final CompressionState state = state(0.01f);
    new PruningStep(ALL, new Magnitude(Scope.GLOBAL), 0.5).apply(state);
    assertEquals((int) Math.rint(42 * 17 * 0.5), zeros(state, QUERY) + zeros(state, UP));
    assertTrue(zeros(state, QUERY) < 5 && zeros(state, UP) > 350, "the small matrix goes first");
  }

  @Test
  void layerScopePrunesEveryMatrixAlike() {
    final CompressionState state = state(0.01f);
    new PruningStep(ALL, new Magnitude(Scope.LAYER), 0.7).apply(state);
    assertEquals((int) Math.rint(13 * 17 * 0.7), zeros(state, QUERY));
    assertEquals((int) Math.rint(29 * 17 * 0.7), zeros(state, UP));
  }

  /** 221 * 0.5 = 110.5 and 493 * 0.5 = 246.5: to the even neighbour. */
  @Test
  void halfCountsGoToTheEvenNumber() {
    final CompressionState state = state(1);
    new PruningStep(ALL, new Magnitude(Scope.LAYER), 0.5).apply(state);
    assertEquals(110, zeros(state, QUERY));
    assertEquals(246, zeros(state, UP));
  }

  @Test
  void sparsityZeroIsTheIdentity() {
    final CompressionState state = state(1);
    final float[] before = state.weight(QUERY);
    final StepLog log = new PruningStep(ALL, new Magnitude(Scope.GLOBAL), 0).apply(state);
    assertArrayEquals(before, state.weight(QUERY));
    assertEquals("dense", state.form(QUERY).orElseThrow().form());
    assertEquals(0, log.tensors().get(0).relativeError());
  }

  @Test
  void aSecondStepKeepsTheFirstOnesZerosAndASmallerOneChangesNothing() {
    final CompressionState state = state(0.3f);
    new PruningStep(ALL, new Magnitude(Scope.GLOBAL), 0.4).apply(state);
    final float[] first = state.weight(UP);
    new PruningStep(ALL, new Magnitude(Scope.GLOBAL), 0.8).apply(state);
    final float[] second = state.weight(UP);
    for (int i = 0; i < first.length; i++) {
      assertTrue(first[i] != 0 || second[i] == 0, "zero " + i + " came back");
    }
    assertEquals((int) Math.rint(42 * 17 * 0.8), zeros(state, QUERY) + zeros(state, UP));
    new PruningStep(ALL, new Magnitude(Scope.GLOBAL), 0.5).apply(state);
    assertArrayEquals(second, state.weight(UP));
  }

  @Test
  void keptWeightsDoNotMoveAndTheFormRestoresTheLiveWeight() {
    final CompressionState state = state(1);
    final float[] before = state.weight(UP);
    final StepLog log = new PruningStep(ALL, new Magnitude(Scope.GLOBAL), 0.9).apply(state);
    final float[] after = state.weight(UP);
    for (int i = 0; i < after.length; i++) {
      assertTrue(after[i] == 0 || after[i] == before[i]);
    }
    assertArrayEquals(after, Floats.toArray(state.form(UP).orElseThrow().dense()));
    final StepLog.Entry entry = log.tensors().get(1);
    assertEquals(UP, entry.name());
    assertEquals((double) zeros(state, UP) / after.length, entry.sparsity());
    assertEquals(state.form(UP).orElseThrow().storedBytes(), entry.storedBytes());
    assertTrue(entry.bits().isEmpty());
    assertEquals(WeightErrors.relative(before, after), entry.relativeError());
    assertEquals("magnitude, global to 90 % zeros, stored as index-sparse", entry.treatment());
    assertTrue(
        entry.storedBytes() < after.length * 4L * 0.13,
        "10 % of F32 and about 0.6 bits a weight: " + entry.storedBytes());
  }

  @Test
  void pruningAQuantizedMatrixKeepsItsCodes() {
    final CompressionState state = state(1);
    final byte[] codes = new byte[29 * 17];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (i % 15 - 7);
    }
    final float[] scales = new float[29];
    java.util.Arrays.fill(scales, 0.5f);
    state.put(
        UP,
        GroupedTensor.symmetric(
            new long[] {29, 17}, 4, Groups.perRow(29, 17), codes, scales, SafetensorsType.F16));
    final float[] before = state.weight(UP);
    final long quantized = state.form(UP).orElseThrow().storedBytes();
    new PruningStep(new TensorSelector(List.of(UP), List.of()), new Magnitude(Scope.LAYER), 0.5)
        .apply(state);
    assertEquals("sparse-grouped", state.form(UP).orElseThrow().form());
    assertTrue(state.form(UP).orElseThrow().storedBytes() < quantized);
    assertEquals(246, zeros(state, UP));
    final float[] after = state.weight(UP);
    for (int i = 0; i < after.length; i++) {
      assertTrue(after[i] == 0 || after[i] == before[i]);
    }
  }

  @Test
  void notANumberIsRefusedByName() {
    final CompressionState state = state(1);
    state.weights().get(UP).putScalar(new int[] {2, 3}, Float.NaN);
    final BantamException e =
        assertThrows(
            BantamException.class,
            () -> new PruningStep(ALL, new Magnitude(Scope.GLOBAL), 0.5).apply(state));
    assertTrue(e.getMessage().contains(UP) && e.getMessage().contains("37"), e.getMessage());
  }

  @Test
  void isTheDefaultPruningMethod() {
    final List<StepFactory> found =
        ServiceLoader.load(StepFactory.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(f -> f.step().equals("prune") && f.method().equals("magnitude"))
            .toList();
    assertEquals(1, found.size());
    assertTrue(found.get(0).isDefault());
  }
}
