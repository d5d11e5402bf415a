package dev.bantam.runner.experiment;

import dev.bantam.compression.Settings;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.List;

/** A recipe file: a list of steps as in a variant's {@code steps:}, without a grid. */
public final class RecipeFile<S> {
  private final List<StepReader.Placed<S>> steps;
  private final Problems problems;

  private RecipeFile(List<StepReader.Placed<S>> steps, Problems problems) {
    this.steps = List.copyOf(steps);
    this.problems = problems;
  }

  /**
   * Reads a recipe file.
   *
   * @throws BantamException with BAD_INPUT if it cannot be read, with BAD_FILE and every problem in
   *     it if it is wrong
   */
  public static <S> RecipeFile<S> read(Path file, Catalogue<S> catalogue) {
    return parse(file.toString(), FileBytes.read(file, "recipe file"), catalogue);
  }

  /** As {@link #read}, from bytes; messages call the file {@code fileName}. */
  public static <S> RecipeFile<S> parse(String fileName, byte[] bytes, Catalogue<S> catalogue) {
    final Problems problems = new Problems(fileName);
    final Yaml list = YamlComposer.compose(bytes, problems);
    final List<StepReader.Placed<S>> steps =
        new StepReader<>(catalogue, problems).read("a recipe", list);
    problems.throwIfAny();
    return new RecipeFile<>(steps, problems);
  }

  public List<ParsedStep<S>> steps() {
    return steps.stream().map(StepReader.Placed::step).toList();
  }

  /** Where further problems of this file go. */
  public Problems problems() {
    return problems;
  }

  /** The keys of step {@code index}, from 0. */
  public Settings step(int index) {
    return steps.get(index).settings();
  }
}
