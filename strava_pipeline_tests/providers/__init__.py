"""One contract for every provider and its emulator, and a toy provider that shows all there is to one."""
