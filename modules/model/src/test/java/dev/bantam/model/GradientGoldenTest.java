package dev.bantam.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.model.Model.Regularization;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Gradients of every parameter against autograd (golden cases) and finite differences. */
class GradientGoldenTest {
  private static final Workers WORKERS = new Workers(2);

  @AfterAll
  static void stop() {
    WORKERS.close();
  }

  /** The three losses written out here, apart from the product's. */
  static Loss loss(Head.Kind kind, double[] labels) {
    return (z, rows, columns, gradient) -> {
      double total = 0;
      for (int r = 0; r < rows; r++) {
        switch (kind) {
          case SINGLE_LABEL -> {
            double sum = 0;
            for (int c = 0; c < columns; c++) {
              sum += Math.exp(z[r * columns + c]);
            }
            for (int c = 0; c < columns; c++) {
              final double p = Math.exp(z[r * columns + c]) / sum;
              final boolean right = c == (int) labels[r];
              gradient[r * columns + c] = (float) ((p - (right ? 1 : 0)) / rows);
              total -= right ? Math.log(p) / rows : 0;
            }
          }
          case MULTI_LABEL -> {
            for (int c = 0; c < columns; c++) {
              final int i = r * columns + c;
              final double p = 1 / (1 + Math.exp(-z[i]));
              gradient[i] = (float) ((p - labels[i]) / (rows * columns));
              total -=
                  (labels[i] * Math.log(p) + (1 - labels[i]) * Math.log(1 - p)) / (rows * columns);
            }
          }
          case REGRESSION -> {
            final double difference = z[r] - labels[r];
            gradient[r] = (float) (2 * difference / rows);
            total += difference * difference / rows;
          }
        }
      }
      return total;
    };
  }

  private static Map<String, float[]> gradients(EncoderModel model, Batch batch, Loss loss) {
    final Map<String, float[]> found = new LinkedHashMap<>();
    model.gradients(
        batch,
        loss,
        Regularization.NONE,
        (name, gradient) -> found.put(name, Floats.toArray(gradient)));
    return found;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gradients-bert-classification",
        "gradients-bert-multilabel",
        "gradients-bert-regression",
        "gradients-bert-visible-pad"
      })
  void everyParameter(String name) {
    final GoldenCase golden = new GoldenCase("training/" + name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final Head head = checkpoint.head().orElseThrow();
    final EncoderModel model =
        GoldenCase.model(checkpoint, checkpoint.head(), checkpoint.pooling(), WORKERS);
    final Loss loss = loss(head.kind(), golden.numbers("labels"));
    final Batch batch = golden.batch();
    final double value =
        model.gradients(batch, loss, Regularization.NONE, (parameter, gradient) -> {});
    assertEquals(golden.numbers("loss")[0], value, 1e-5 * (1 + Math.abs(value)));
    compare(golden, "grad", gradients(model, batch, loss));
    if (golden.has("loss.examples")) {
      for (int row = 0; row < batch.sequences(); row++) {
        final double[] label = {golden.numbers("labels")[row]};
        compare(
            golden,
            "grad.example" + row,
            gradients(model, golden.batch(List.of(row)), loss(head.kind(), label)));
      }
    }
  }

  private static void compare(GoldenCase golden, String prefix, Map<String, float[]> found) {
    assertTrue(found.size() > 20, "only " + found.size() + " gradients");
    found.forEach(
        (name, gradient) -> {
          String key = prefix + "/" + (name.startsWith("classifier") ? "" : "bert.") + name;
          // the library forces the pad id's row to zero; ours is the mathematical gradient
          final String mathematical = key.replace("grad/", "grad-without-padding-idx/");
          key = golden.has(mathematical) ? mathematical : key;
          golden.check("grad", golden.numbers(key), gradient, key);
        });
  }

  /** Central differences along one random direction for each tensor. */
  @ParameterizedTest
  @ValueSource(strings = {"gradients-bert-classification", "gradients-bert-regression"})
  void directionalDifferences(String name) {
    final GoldenCase golden = new GoldenCase("training/" + name);
    final Checkpoint checkpoint = golden.checkpoint("model");
    final EncoderModel model =
        GoldenCase.model(checkpoint, checkpoint.head(), checkpoint.pooling(), WORKERS);
    final Loss loss = loss(checkpoint.head().orElseThrow().kind(), golden.numbers("labels"));
    final Batch batch = golden.batch();
    final Map<String, float[]> gradients = gradients(model, batch, loss);
    final Random random = new Random(5);
    gradients.forEach(
        (parameter, gradient) -> {
          final INDArray tensor = model.parameters().get(parameter);
          final float[] w = Floats.toArray(tensor);
          final double[] direction = new double[w.length];
          double slope = 0;
          double norm = 0;
          for (int i = 0; i < w.length; i++) {
            // along the gradient with some noise, so that the slope is far from zero
            direction[i] = gradient[i] * (1 + 0.5 * random.nextGaussian());
            norm += direction[i] * direction[i];
          }
          if (norm < 1e-12) {
            return; // e.g. the key bias, whose gradient is zero by symmetry
          }
          for (int i = 0; i < w.length; i++) {
            direction[i] /= Math.sqrt(norm);
            slope += direction[i] * gradient[i];
          }
          // The error of a float32 difference falls and rises with h: the best of a few counts
          double best = Double.POSITIVE_INFINITY;
          for (double h : new double[] {3e-2, 1e-2, 3e-3}) {
            final double difference =
                (at(model, batch, loss, tensor, w, direction, h)
                        - at(model, batch, loss, tensor, w, direction, -h))
                    / (2 * h);
            best = Math.min(best, Math.abs(difference - slope) / Math.abs(slope));
          }
          set(tensor, w);
          assertTrue(
              best <= 1e-3 || Math.abs(slope) < 2e-3,
              parameter + ": relative error " + best + " at slope " + slope);
        });
  }

  private static double at(
      EncoderModel model,
      Batch batch,
      Loss loss,
      INDArray tensor,
      float[] w,
      double[] direction,
      double h) {
    final float[] moved = new float[w.length];
    for (int i = 0; i < w.length; i++) {
      moved[i] = (float) (w[i] + h * direction[i]);
    }
    set(tensor, moved);
    final Model.Outputs outputs = model.outputs(batch);
    return loss.apply(
        outputs.values(), outputs.rows(), outputs.columns(), new float[outputs.values().length]);
  }

  private static void set(INDArray tensor, float[] values) {
    Floats.of(tensor).write(0, values, 0, values.length);
  }
}
