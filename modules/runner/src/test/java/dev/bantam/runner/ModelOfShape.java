package dev.bantam.runner;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.export.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Writes a classifier of any shape with random weights in Hugging Face layout, and beside it the
 * task of the tiny model: to measure what a step takes on a model that is not at hand. After {@code
 * mvn test-compile},
 *
 * <pre>
 * java --add-modules jdk.incubator.vector -cp modules/runner/target/test-classes:$(cat target/bantam/classpath) \
 *     dev.bantam.runner.ModelOfShape FOLDER 12 768 3072
 * ./bantam compress FOLDER/shaped --recipe RECIPE --task FOLDER/tiny/signs.yaml -o OUTPUT
 * </pre>
 *
 * <p>applies a recipe to a model of the shape of BERT-base.
 */
final class ModelOfShape {
  static final String MODEL = "shaped";

  private static final int VOCABULARY = 30_522;
  private static final int POSITIONS = 512;
  private static final int HEAD_SIZE = 64;

  private ModelOfShape() {}

  /** Arguments: folder, layers, width (a multiple of 64), width of the FFN. */
  public static void main(String[] args) throws IOException {
    write(
        Path.of(args[0]),
        Integer.parseInt(args[1]),
        Integer.parseInt(args[2]),
        Integer.parseInt(args[3]));
  }

  static Path write(Path folder, int layers, int width, int ffn) throws IOException {
    final Tiny tiny = Tiny.in(folder);
    tiny.task();
    final Checkpoint like = Models.open(tiny.model().toString(), Models.Options.DEFAULT);
    final Architecture a = like.architecture();
    final Architecture shape =
        new Architecture(
            a.modelType(),
            VOCABULARY,
            POSITIONS,
            a.tokenTypes(),
            width,
            HEAD_SIZE,
            Collections.nCopies(layers, new LayerShape(width / HEAD_SIZE, ffn)),
            a.activation(),
            a.normPlacement(),
            a.positionScheme(),
            a.layerNormEps(),
            a.padTokenId(),
            a.pooler());
    final Checkpoint random =
        Models.random(
            new Checkpoint(
                MODEL,
                shape,
                Optional.of(new Head(Head.Kind.SINGLE_LABEL, List.of("no", "yes"))),
                like.pooling(),
                like.normalize(),
                POSITIONS,
                Map.of(),
                like.tokenizer(),
                like.signature(),
                like.provenance()),
            layers,
            1);
    final Path model = Files.createDirectories(folder.resolve(MODEL));
    ModelFolder.describe(model, random, "Random weights.\n");
    final SafetensorsWriter writer = new SafetensorsWriter();
    random.parameters().forEach((name, tensor) -> writer.add(name, SafetensorsType.F32, tensor));
    writer.write(model.resolve(ModelFolder.WEIGHTS));
    return model;
  }
}
