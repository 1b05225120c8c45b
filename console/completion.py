"""The completion command: the lines that let a shell complete commands, options and names."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what your shell needs to complete commands, options, profiles, metrics, weeks and runs.

    Put the line into the file that your shell reads at its start: ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.
    For bash and zsh the line is: eval "$(flowbeat completion bash)". For fish: flowbeat completion fish | source

    Example: flowbeat completion bash
    """
    group = context.find_root().command
    script = get_completion_class(shell)
    if script is not None:
        click.echo(script(group, {}, "flowbeat", "_FLOWBEAT_COMPLETE").source())


COMMANDS: tuple[click.Command, ...] = (completion,)
