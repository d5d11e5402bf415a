package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Architecture.Activation;
import dev.bantam.checkpoint.Pooling;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A masked weight against the dense product with a weight whose removed elements are zero. */
class MaskedLinearTest {
  private static final Workers WORKERS = new Workers(1);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  private static EncoderModel model() {
    return TinyEncoder.model(Activation.GELU_ERF, Pooling.POOLER, 9, WORKERS);
  }

  private static boolean[] mask(INDArray weight, double density) {
    final Random random = new Random(weight.length());
    final boolean[] keep = new boolean[(int) weight.length()];
    for (int i = 0; i < keep.length; i++) {
      keep[i] = random.nextDouble() < density;
    }
    return keep;
  }

  private static List<String> matrices(EncoderModel model) {
    return model.parameters().keySet().stream().filter(EncoderPass::isLinear).toList();
  }

  @Test
  void equalsTheDenseProductOfTheMaskedWeight() {
    final EncoderModel masked = model();
    final EncoderModel zeroed = model();
    final Batch batch = TinyEncoder.batch(4, 5, 8, 2);
    assertEquals(13, matrices(masked).size());
    for (String name : matrices(masked)) {
      final INDArray weight = masked.parameters().get(name);
      final boolean[] keep = mask(weight, 0.4);
      final float[] values = Floats.toArray(weight);
      final float[] zeros = values.clone();
      for (int i = 0; i < values.length; i++) {
        zeros[i] = keep[i] ? zeros[i] : 0f;
        values[i] = keep[i] ? values[i] : i % 2 == 0 ? Float.NaN : Float.NEGATIVE_INFINITY;
      }
      Floats.of(weight).write(0, values, 0, values.length);
      Floats.of(zeroed.parameters().get(name)).write(0, zeros, 0, zeros.length);
      masked.setOperator(name, new MaskedLinear(weight, keep));
    }
    assertArrayEquals(zeroed.outputs(batch).values(), masked.outputs(batch).values());
    final Map<String, float[]> expected =
        TinyEncoder.gradients(zeroed, batch, List.of(), Regularization.NONE);
    final Map<String, float[]> got =
        TinyEncoder.gradients(masked, batch, List.of(), Regularization.NONE);
    expected.forEach(
        (name, gradient) -> {
          final float[] wanted = gradient.clone();
          if (EncoderPass.isLinear(name)) {
            final boolean[] keep = mask(masked.parameters().get(name), 0.4);
            int removed = 0;
            for (int i = 0; i < wanted.length; i++) {
              removed += keep[i] ? 0 : 1;
              wanted[i] = keep[i] ? wanted[i] : 0f;
            }
            assertTrue(removed > 0, name);
          }
          assertArrayEquals(wanted, got.get(name), name);
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 63, 64, 65, 130})
  void awkwardWidths(int inputs) {
    final int outputs = 3;
    final float[] values = new float[outputs * inputs];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 3 == 0 ? 0f : i + 1;
    }
    final INDArray weight = Floats.tensor(values.clone(), outputs, inputs);
    final MaskedLinear operator = MaskedLinear.ofNonZeros(weight);
    int kept = 0;
    for (int i = 0; i < values.length; i++) {
      assertEquals(values[i] != 0, operator.keeps(i / inputs, i % inputs), "element " + i);
      kept += values[i] != 0 ? 1 : 0;
    }
    assertEquals(kept, operator.kept());
    assertEquals(4L * kept + (values.length + 7) / 8, operator.storedBytes());
    final float[] drifted = new float[values.length];
    Arrays.fill(drifted, 5f);
    Floats.of(weight).write(0, drifted, 0, drifted.length);
    operator.applyToWeight();
    final float[] after = Floats.toArray(weight);
    for (int i = 0; i < values.length; i++) {
      assertEquals(values[i] != 0 ? 5f : 0f, after[i], "element " + i);
    }
  }

  /** With nothing removed the bits are those of the dense operator. */
  @Test
  void fullMask() {
    final EncoderModel dense = model();
    final EncoderModel masked = model();
    for (String name : matrices(masked)) {
      final INDArray weight = masked.parameters().get(name);
      final boolean[] keep = new boolean[(int) weight.length()];
      Arrays.fill(keep, true);
      masked.setOperator(name, new MaskedLinear(weight, keep));
    }
    final Batch batch = TinyEncoder.batch(4, 5, 8, 2);
    final Map<String, float[]> expected =
        TinyEncoder.gradients(dense, batch, List.of(), new Regularization(0.1f, 2));
    final Map<String, float[]> got =
        TinyEncoder.gradients(masked, batch, List.of(), new Regularization(0.1f, 2));
    expected.forEach((name, gradient) -> assertArrayEquals(gradient, got.get(name), name));
  }

  @Test
  void maskMustFit() {
    final INDArray weight = Floats.tensor(new float[6], 2, 3);
    final IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> new MaskedLinear(weight, new boolean[5]));
    assertTrue(e.getMessage().contains("5 elements"), e.getMessage());
    assertTrue(e.getMessage().contains("[2, 3]"), e.getMessage());
  }
}
