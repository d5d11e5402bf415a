package dev.bantam.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rows of numbers with a class each. */
class FeatureFileTest {
  @TempDir private Path folder;

  private Path file(String name, String content) {
    try {
      return Files.writeString(folder.resolve(name), content);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private Task read(String train, String dev, List<String> features, List<String> classes) {
    return new FeatureFile(
            "rows",
            file("train.csv", train),
            file("dev.csv", dev),
            features,
            "y",
            classes,
            Metric.ACCURACY)
        .read();
  }

  private static List<Example> trainFile(Task task) {
    final List<Example> all = new ArrayList<>(task.examples(Split.TRAIN));
    all.addAll(task.examples(Split.TUNE));
    return all;
  }

  @Test
  void numbersStandInTheOrderOfTheColumns() {
    final Task task =
        read(
            "y,b2,id,b1\n0,1.5,r,-2e-1\n2, 4 ,s,.5\n",
            "id,b1,y,b2\nt,7,1,8\n",
            List.of("b*"),
            List.of());
    assertEquals(2, task.features());
    assertEquals(List.of("0", "1", "2"), task.labels());
    assertEquals(
        List.of(Example.labelled("1.5 -2e-1", 0), Example.labelled("4 .5", 2)), trainFile(task));
    assertEquals(List.of(Example.labelled("8 7", 1)), task.examples(Split.DEV));
  }

  @Test
  void everyColumnButTheLabels() {
    assertEquals(
        List.of(Example.labelled("1 2", 1)),
        trainFile(read("a,y,b\n1,1,2\n", "a,y,b\n1,0,2\n", List.of("*"), List.of())));
  }

  @Test
  void classesHaveTheOrderOfTheOutputs() {
    final Task task =
        read("a,y\n1,yes\n", "a,y\n1,no\n", List.of("a"), List.of("no", "maybe", "yes"));
    assertEquals(List.of("no", "maybe", "yes"), task.labels());
    assertEquals(2, trainFile(task).get(0).label());
  }

  private String refused(String train, List<String> features, List<String> classes) {
    final BantamException refused =
        assertThrows(BantamException.class, () -> read(train, "a,y\n1,0\n", features, classes));
    assertEquals(ExitCode.BAD_INPUT, refused.exitCode());
    return refused.getMessage();
  }

  @Test
  void everyWrongLineIsNamed() {
    final String message =
        refused("a,y\n1,0\nx,1\n1;5,1\nNaN,0\n1e99,0\n1\n", List.of("a"), List.of());
    for (int line : new int[] {3, 4, 5, 6, 7}) {
      assertTrue(message.contains("train.csv, line " + line + ": "), message);
    }
    assertTrue(!message.contains("line 2:"), message);
    assertTrue(refused("a,y\n1,cat\n", List.of("a"), List.of()).contains("'cat' in column 'y'"));
    assertTrue(
        refused("a,y\n1,-1\n", List.of("a"), List.of()).contains("is no number of an output"));
    assertTrue(
        refused("a,y\n1,cat\n", List.of("a"), List.of("cow", "dog")).contains("none of 'classes'"));
    assertTrue(refused("a,y\n1,0\n", List.of("a", "q*"), List.of()).contains("no column 'q*'"));
    assertTrue(refused("a,y,a\n1,0,2\n", List.of("a"), List.of()).contains("several columns"));
  }

  @Test
  void settingsAreChecked() {
    final Path file = file("train.csv", "a,y\n1,0\n");
    for (List<String> classes : List.of(List.of("one"), List.of("a", "a"))) {
      assertEquals(
          ExitCode.BAD_FILE,
          assertThrows(
                  BantamException.class,
                  () ->
                      new FeatureFile("r", file, file, List.of("a"), "y", classes, Metric.ACCURACY))
              .exitCode());
    }
    assertThrows(
        BantamException.class,
        () -> new FeatureFile("r", file, file, List.of("a"), "y", List.of(), Metric.PEARSON));
  }
}
